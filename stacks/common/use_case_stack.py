"""The base of all stacks."""

from datetime import date

from aws_cdk import CfnTag, Environment, RemovalPolicy, Stack, Tags
from constructs import Construct

from stacks.config import StageSettings

# A changed tag replaces these resources: a web UI gets another address, and a collection's replacement fails, since its
# name is taken. They get the fixed tags only.
_TAGGED_AT_CREATION = ("AWS::OpenSearchServerless::Collection", "AWS::ECS::ExpressGatewayService")


class UseCaseStack(Stack):
    """One use case in one stage: the settings decide its name, tags, location, and whether its data is protected.

    `use_case` is the name of the folder in `lambda_src/`.
    """

    def __init__(self, scope: Construct, use_case: str, *, settings: StageSettings, today: date) -> None:
        super().__init__(
            scope,
            settings.stack_name(use_case),
            env=Environment(account=settings.account, region=settings.region),
            description=f"Bedrock endpoints: {use_case.replace('_', ' ')}, stage {settings.name}",
            termination_protection=settings.keeps_data,
        )
        self.use_case = use_case
        self.settings = settings
        self.today = today
        self._fixed_tags = {
            "application": "bedrock-endpoints",
            "stage": settings.name,
            "use-case": kebab(use_case),
        }
        for key, value in {**self._fixed_tags, **settings.tags}.items():
            # Not tags of the stack: CloudFormation would give those to every resource.
            Tags.of(self).add(key, value, exclude_resource_types=list(_TAGGED_AT_CREATION))

    @property
    def fixed_tags(self) -> list[CfnTag]:
        """The tags that no setting changes."""
        return [CfnTag(key=key, value=value) for key, value in self._fixed_tags.items()]

    @property
    def data_removal_policy(self) -> RemovalPolicy:
        """What happens to data and logs when the stack is deleted."""
        return removal_policy(self.settings)


def removal_policy(settings: StageSettings) -> RemovalPolicy:
    """The stage's removal policy as CDK's type."""
    return RemovalPolicy.RETAIN if settings.keeps_data else RemovalPolicy.DESTROY


def kebab(use_case: str) -> str:
    """`image_generation` -> `image-generation`: as in stack names, parameters and metrics."""
    return use_case.replace("_", "-")
