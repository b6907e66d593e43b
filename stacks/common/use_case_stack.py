"""What the stacks of all use cases have in common."""

from datetime import date

from aws_cdk import Environment, RemovalPolicy, Stack
from constructs import Construct

from stacks.config import StageSettings


class UseCaseStack(Stack):
    """One use case in one stage: named, tagged and placed by the settings, and protected where it keeps data.

    `use_case` is the name of the folder below `lambda_src/`.
    """

    def __init__(self, scope: Construct, use_case: str, *, settings: StageSettings, today: date) -> None:
        super().__init__(
            scope,
            f"bedrock-endpoints-{settings.name}-{kebab(use_case)}",
            env=Environment(account=settings.account, region=settings.region),
            tags={
                "application": "bedrock-endpoints",
                "stage": settings.name,
                "use-case": kebab(use_case),
                **settings.tags,
            },
            description=f"Bedrock endpoints: {use_case.replace('_', ' ')}, stage {settings.name}",
            termination_protection=settings.keeps_data,
        )
        self.use_case = use_case
        self.settings = settings
        self.today = today

    @property
    def data_removal_policy(self) -> RemovalPolicy:
        """What happens to data, and to the logs about it, when the stack goes."""
        return removal_policy(self.settings)


def removal_policy(settings: StageSettings) -> RemovalPolicy:
    """The stage's removal policy as CDK says it."""
    return RemovalPolicy.RETAIN if settings.keeps_data else RemovalPolicy.DESTROY


def kebab(use_case: str) -> str:
    """`image_generation` -> `image-generation`: the form in stack names, parameters and metrics."""
    return use_case.replace("_", "-")
