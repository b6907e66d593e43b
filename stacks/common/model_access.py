"""The right to call exactly the models that a use case offers, and warnings about those near their end."""

from collections.abc import Iterator, Sequence

from aws_cdk import Annotations, Aws
from aws_cdk import aws_iam as iam

from lambda_src.shared.catalogue import Invocation, resolve
from stacks.common.use_case_stack import UseCaseStack
from stacks.model_checks import lifecycle_warning


class ModelAccess:
    """Grants calls on exact ARNs; warns of ending models.

    `bedrock:InvokeModel` authorizes Converse as well, `bedrock:InvokeModelWithResponseStream` ConverseStream.
    """

    def __init__(self, scope: UseCaseStack, purpose: str | None = None) -> None:
        """`purpose` is the models' name in the settings, the use case's by default."""
        region = scope.settings.bedrock_region
        self._region = region or Aws.REGION
        self._invocations = [
            resolve(invocation_id) for invocation_id in scope.settings.models_for(purpose or scope.use_case)
        ]
        for invocation in self._invocations:
            if warning := lifecycle_warning(invocation, scope.today, region):
                Annotations.of(scope).add_warning_v2(f"bedrock-endpoints:model-life-cycle:{invocation.id}", warning)

    def grant(self, grantee: iam.IGrantable, *, plain: bool = True, streams: bool = False) -> None:
        """Lets the grantee call each model, and nothing else, on Bedrock: for whole answers, for streams, or both."""
        actions = ["bedrock:InvokeModel"] * plain + ["bedrock:InvokeModelWithResponseStream"] * streams
        on_demand = [self._model_arn(one, self._region) for one in self._invocations if one.profile is None]
        if on_demand:
            grantee.grant_principal.add_to_principal_policy(_invoke(actions, on_demand))
        for invocation in self._invocations:
            if invocation.profile:
                for statement in self._profile_statements(invocation, actions):
                    grantee.grant_principal.add_to_principal_policy(statement)

    def _profile_statements(self, invocation: Invocation, actions: list[str]) -> Iterator[iam.PolicyStatement]:
        """The profile itself, and the model in each destination, but only when called through that profile.

        https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-prereq.html
        """
        profile = f"arn:{Aws.PARTITION}:bedrock:{self._region}:{Aws.ACCOUNT_ID}:inference-profile/{invocation.id}"
        # A global profile's destinations have no region in their ARN, apart from the one that is called.
        regions = ("", self._region) if invocation.profile == "global" else invocation.destination_regions
        destinations = [self._model_arn(invocation, region) for region in regions]
        yield _invoke(actions, [profile])
        yield _invoke(actions, destinations, {"StringEquals": {"bedrock:InferenceProfileArn": profile}})

    def _model_arn(self, invocation: Invocation, region: str) -> str:
        return f"arn:{Aws.PARTITION}:bedrock:{region}::foundation-model/{invocation.model.id}"


def _invoke(
    actions: list[str], resources: Sequence[str], conditions: dict[str, dict[str, str]] | None = None
) -> iam.PolicyStatement:
    return iam.PolicyStatement(actions=actions, resources=list(resources), conditions=conditions)
