"""Permission to call exactly the models of a use case, and warnings about models near their end of life."""

from collections.abc import Iterator, Sequence

from aws_cdk import Annotations, Aws
from aws_cdk import aws_iam as iam

from lambda_src.shared.catalog import Invocation, resolve
from stacks.common.guardrail import Guardrail
from stacks.common.use_case_stack import UseCaseStack
from stacks.model_checks import lifecycle_warning


class ModelAccess:
    """Grants access by exact ARNs, and warns about models near their end of life.

    `bedrock:InvokeModel` authorizes Converse as well, `bedrock:InvokeModelWithResponseStream` ConverseStream.

    A text model is granted for calls with the guardrail only. Embedding and rerank models take none, and image models
    are called without one: the functions screen their texts first.
    https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-supported.html
    """

    def __init__(self, scope: UseCaseStack, setting: str | None = None, *, guardrail: Guardrail | None = None) -> None:
        """`setting` is the model setting's name, by default the use case's."""
        region = scope.settings.bedrock_region
        self._region = region or Aws.REGION
        self._call_condition = guardrail.call_condition if guardrail else {}
        self._invocations = [
            resolve(invocation_id) for invocation_id in scope.settings.models_for(setting or scope.use_case)
        ]
        for invocation in self._invocations:
            if warning := lifecycle_warning(invocation, scope.today, region):
                Annotations.of(scope).add_warning_v2(f"bedrock-endpoints:model-life-cycle:{invocation.id}", warning)

    def grant(self, grantee: iam.IGrantable, *, plain: bool = True, streams: bool = False) -> None:
        """Lets the grantee call these models only: without streaming (`plain`), with streaming (`streams`), or both."""
        actions = ["bedrock:InvokeModel"] * plain + ["bedrock:InvokeModelWithResponseStream"] * streams
        for statement in self._statements(actions):
            grantee.grant_principal.add_to_principal_policy(statement)

    def _statements(self, actions: list[str]) -> Iterator[iam.PolicyStatement]:
        for invocation in self._invocations:
            condition = self._call_condition if invocation.model.purpose == "text" else {}
            if invocation.profile:
                yield from self._profile_statements(invocation, actions, condition)
            else:
                yield _invoke(actions, [self._model_arn(invocation, self._region)], condition)

    def _profile_statements(
        self, invocation: Invocation, actions: list[str], condition: dict[str, str]
    ) -> Iterator[iam.PolicyStatement]:
        """Allows the profile, and the model in each destination region, but only when called through the profile.

        https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-prereq.html
        """
        profile = f"arn:{Aws.PARTITION}:bedrock:{self._region}:{Aws.ACCOUNT_ID}:inference-profile/{invocation.id}"
        # The destinations of a global profile have no region in their ARN, except the source region.
        regions = ("", self._region) if invocation.profile == "global" else invocation.destination_regions
        destinations = [self._model_arn(invocation, region) for region in regions]
        yield _invoke(actions, [profile], condition)
        yield _invoke(actions, destinations, {**condition, "bedrock:InferenceProfileArn": profile})

    def _model_arn(self, invocation: Invocation, region: str) -> str:
        return f"arn:{Aws.PARTITION}:bedrock:{region}::foundation-model/{invocation.model.id}"


def _invoke(actions: list[str], resources: Sequence[str], condition: dict[str, str]) -> iam.PolicyStatement:
    """`condition`: key -> the value that it must equal."""
    conditions = {"StringEquals": condition} if condition else None
    return iam.PolicyStatement(actions=actions, resources=list(resources), conditions=conditions)
