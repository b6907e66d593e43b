"""The base of all stacks."""

from datetime import date

from aws_cdk import CfnTag, Environment, RemovalPolicy, Stack, Tags
from constructs import Construct

from lambda_src.shared.catalog import resolve
from stacks.common.cost_profile import cost_profile
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
        self._cost_profiles: dict[str, str] = {}

    @property
    def fixed_tags(self) -> list[CfnTag]:
        """The tags that no setting changes."""
        return [CfnTag(key=key, value=value) for key, value in self._fixed_tags.items()]

    def model_ids(self, setting: str) -> tuple[str, ...]:
        """The invocations of a model setting as functions get them, with this stack's cost profiles if it has any."""
        return tuple(map(self._with_cost_profile, self.settings.models_for(setting)))

    def fallback_ids(self, setting: str) -> tuple[tuple[str, ...], ...]:
        """Each model with fallbacks and theirs, as `model_ids` has them."""
        return tuple(tuple(map(self._with_cost_profile, chain)) for chain in self.settings.fallbacks_for(setting))

    def called_model_ids(self, setting: str) -> tuple[str, ...]:
        """The models of `model_ids` and their fallbacks, each once."""
        return tuple(map(self._with_cost_profile, self.settings.called_models_for(setting)))

    def _with_cost_profile(self, invocation_id: str) -> str:
        # A profile is created in the stack's region, and must be where the model is called.
        if not self.settings.cost_profiles or self.settings.leaves_region(self.use_case):
            return invocation_id
        invocation = resolve(invocation_id)
        # Rerank takes no profile.
        if invocation.application_profile or invocation.model.purpose == "rerank":
            return invocation_id
        return f"{invocation_id}={self._cost_profile(invocation_id)}"

    def _cost_profile(self, invocation_id: str) -> str:
        if invocation_id not in self._cost_profiles:
            self._cost_profiles[invocation_id] = cost_profile(self, invocation_id)
        return self._cost_profiles[invocation_id]

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
