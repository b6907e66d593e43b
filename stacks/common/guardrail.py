"""The guardrail that checks prompts and answers."""

import hashlib
from typing import Any

import msgspec
from aws_cdk import Aws, Stack
from aws_cdk import aws_bedrock as bedrock
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.common.use_case_stack import UseCaseStack
from stacks.config import DeniedTopic, GuardrailPolicies

# The settings' names of what to do with personal data, and AWS's. Data that is let through is not listed.
_ACTIONS = {"mask": "ANONYMIZE", "block": "BLOCK"}


class Guardrail(Construct):
    """The guardrail of the stage's settings: a new one with the use case's policies, an existing one, or none."""

    def __init__(self, scope: UseCaseStack, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        settings = scope.settings.guardrail
        region = scope.settings.guardrail_region
        self._region = region or Aws.REGION
        # Functions look for it in the stage's region.
        self._elsewhere = region if region != scope.settings.region else None
        self._identifier: str | None = settings.id
        self._version: str | None = settings.version
        self._pictures = scope.use_case == "image_generation" and scope.settings.screens_pictures
        if settings.type == "new":
            self._create(settings.policies_for(scope.use_case))

    @property
    def environment(self) -> dict[str, str]:
        """The function's environment variables for the guardrail; empty when it is off."""
        if self._identifier is None or self._version is None:
            return {}
        variables = {"GUARDRAIL_ID": self._identifier, "GUARDRAIL_VERSION": self._version}
        if self._elsewhere:
            variables["GUARDRAIL_REGION"] = self._elsewhere
        if self._pictures:
            variables["GUARDRAIL_PICTURES"] = "true"
        return variables

    def grant_apply(self, grantee: iam.IGrantable) -> None:
        """Lets the grantee apply the guardrail."""
        if self._identifier is None:
            return
        grantee.grant_principal.add_to_principal_policy(
            iam.PolicyStatement(actions=["bedrock:ApplyGuardrail"], resources=[self._arn])
        )

    @property
    def call_condition(self) -> dict[str, str]:
        """The `StringEquals` condition of a model call with this guardrail in this version; empty when it is off.

        A draft's value has no version. The guardrail must be in the role's account.
        https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-permissions-id.html
        """
        if self._identifier is None:
            return {}
        version = "" if self._version == "DRAFT" else f":{self._version}"
        return {"bedrock:GuardrailIdentifier": f"{self._arn}{version}"}

    @property
    def _arn(self) -> str:
        return f"arn:{Aws.PARTITION}:bedrock:{self._region}:{Aws.ACCOUNT_ID}:guardrail/{self._identifier}"

    def _create(self, policies: GuardrailPolicies) -> None:
        configs = _policy_configs(policies, pictures=self._pictures)
        guardrail = bedrock.CfnGuardrail(
            self,
            "Resource",
            # Required by the service; the stack's name is unique in account and region.
            name=Stack.of(self).stack_name,
            blocked_input_messaging="The request was declined by the content policy.",
            blocked_outputs_messaging="The answer was withheld by the content policy.",
            **configs,
        )
        version = bedrock.CfnGuardrailVersion(
            self,
            "Version",
            guardrail_identifier=guardrail.attr_guardrail_id,
            # A version is an immutable copy. A changed description creates a new one, so that changed policies apply.
            description=f"Policies {_fingerprint(*configs.values())}",
        )
        self._identifier, self._version = guardrail.attr_guardrail_id, version.attr_version


def _fingerprint(*policies: dict[str, Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(policies, order="sorted")).hexdigest()[:12]


def _policy_configs(policies: GuardrailPolicies, *, pictures: bool) -> dict[str, Any]:
    """The guardrail's properties, without policies that would be empty: the service refuses those."""
    filters = [
        _filter(category, strength, pictures=pictures)
        for category, strength in policies.filters.items()
        if strength != "none"
    ]
    entities = [
        {"type": data_type, "action": _ACTIONS[action]}
        for data_type, action in policies.personal_data.items()
        if action in _ACTIONS
    ]
    configs: dict[str, Any] = {}
    if filters:
        configs["content_policy_config"] = {"filtersConfig": filters}
    if entities:
        configs["sensitive_information_policy_config"] = {"piiEntitiesConfig": entities}
    configs["word_policy_config"] = {"managedWordListsConfig": [{"type": "PROFANITY"}]}
    if policies.denied_topics:
        configs["topic_policy_config"] = {"topicsConfig": [_topic(topic) for topic in policies.denied_topics]}
    return configs


def _filter(category: str, strength: str, *, pictures: bool) -> dict[str, Any]:
    # Answers contain no prompt attacks: the service only accepts NONE there.
    output_strength = "none" if category == "PROMPT_ATTACK" else strength
    strengths = {"type": category, "inputStrength": strength.upper(), "outputStrength": output_strength.upper()}
    if not pictures or category == "PROMPT_ATTACK":
        return strengths
    return {**strengths, "inputModalities": ["TEXT"], "outputModalities": ["TEXT", "IMAGE"]}


def _topic(topic: DeniedTopic) -> dict[str, Any]:
    examples = {"examples": list(topic.examples)} if topic.examples else {}
    return {"name": topic.name, "definition": topic.definition, "type": "DENY", **examples}
