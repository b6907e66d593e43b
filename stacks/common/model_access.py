"""Permission to call exactly the models of a use case, and warnings about models near their end of life."""

from collections.abc import Iterator, Sequence

from aws_cdk import Annotations, Aws
from aws_cdk import aws_iam as iam

from lambda_src.shared.catalog import Invocation, resolve
from stacks.common.arns import model_arn, profile_arn
from stacks.common.guardrail import Guardrail
from stacks.common.use_case_stack import UseCaseStack
from stacks.model_catalog import destinations, source_regions
from stacks.model_checks import lifecycle_warning


class ModelAccess:
    """Grants access to the models and their fallbacks by exact ARNs, and warns about models near their end of life.

    `bedrock:InvokeModel` authorizes Converse as well, `bedrock:InvokeModelWithResponseStream` ConverseStream.

    A text model is granted for calls with the guardrail only. Embedding and rerank models take none, and image models
    are called without one: the functions screen their texts first.
    https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-supported.html
    """

    def __init__(self, scope: UseCaseStack, setting: str | None = None, *, guardrail: Guardrail | None = None) -> None:
        """`setting` is the model setting's name, by default the use case's."""
        region = scope.settings.model_region(scope.use_case)
        self._region = region or Aws.REGION
        self._known_region = region
        self._call_condition = guardrail.call_condition if guardrail else {}
        self._invocations = [resolve(each) for each in scope.called_model_ids(setting or scope.use_case)]
        for invocation in self._invocations:
            if warning := lifecycle_warning(invocation, scope.today, region, scope.settings):
                Annotations.of(scope).add_warning_v2(f"bedrock-endpoints:model-life-cycle:{invocation.id}", warning)

    def grant(self, grantee: iam.IGrantable, *, plain: bool = True, streams: bool = False) -> None:
        """Lets the grantee call these models only: without streaming (`plain`), with streaming (`streams`), or both."""
        actions = ["bedrock:InvokeModel"] * plain + ["bedrock:InvokeModelWithResponseStream"] * streams
        for statement in self._statements(actions):
            grantee.grant_principal.add_to_principal_policy(statement)

    def _statements(self, actions: list[str]) -> Iterator[iam.PolicyStatement]:
        """Allows the profile, and the model in each destination region, but only when called through the profile.

        https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-prereq.html
        """
        for invocation in self._invocations:
            condition = self._call_condition if invocation.model.purpose == "text" else {}
            models = [model_arn(region, invocation.model.id) for region in self._model_regions(invocation)]
            profiles = self._profiles(invocation)
            if not profiles:
                yield _invoke(actions, models, condition)
                continue
            yield _invoke(actions, profiles, condition)
            # The key has the profile of the call.
            yield _invoke(actions, models, {**condition, "bedrock:InferenceProfileArn": profiles[0]})

    def _profiles(self, invocation: Invocation) -> list[str]:
        """The ARN of the profile in the call, and of AWS's profile behind an application inference profile."""
        profiles = [profile_arn(self._region, invocation.id)] if invocation.profile else []
        return [invocation.application_profile, *profiles] if invocation.application_profile else profiles

    def _model_regions(self, invocation: Invocation) -> Sequence[str]:
        if invocation.profile == "global":
            # The destinations of a global profile have no region in their ARN, except the source region.
            return ("", self._region)
        if invocation.profile is None:
            return (self._region,)
        if self._known_region is None:
            # Synthesized for any region: all that the profile routes to, from whichever region.
            return sorted({each for source in source_regions(invocation) for each in destinations(invocation, source)})
        return destinations(invocation, self._known_region)


def _invoke(actions: list[str], resources: Sequence[str], condition: dict[str, str]) -> iam.PolicyStatement:
    """`condition`: key -> the value that it must equal."""
    conditions = {"StringEquals": condition} if condition else None
    return iam.PolicyStatement(actions=actions, resources=list(resources), conditions=conditions)
