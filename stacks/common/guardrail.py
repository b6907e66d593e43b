"""The guardrail that checks prompts and answers."""

import hashlib
from typing import Any

import msgspec
from aws_cdk import Aws, Stack
from aws_cdk import aws_bedrock as bedrock
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.config import StageSettings

# Filter strengths. VIOLENCE and MISCONDUCT are lower: reports describe injuries, and posters thrillers.
_CONTENT = {"HATE": "HIGH", "INSULTS": "HIGH", "SEXUAL": "HIGH", "VIOLENCE": "MEDIUM", "MISCONDUCT": "MEDIUM"}
# Masked, since legitimate reports may contain them. Names and places stay: reports need them.
_MASKED = ("EMAIL", "PHONE")
# Blocked: no use case needs them, and a model must not repeat them.
_BLOCKED = ("AWS_ACCESS_KEY", "AWS_SECRET_KEY", "PASSWORD", "CREDIT_DEBIT_CARD_NUMBER", "CREDIT_DEBIT_CARD_CVV", "PIN")


class Guardrail(Construct):
    """The guardrail that the stage's settings ask for: a new one with the policies below, an existing one, or none."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: StageSettings, masks: bool = True) -> None:
        """`masks`: whether e-mail addresses and phone numbers are masked."""
        super().__init__(scope, construct_id)
        self._masks = masks
        self._region = settings.bedrock_region or Aws.REGION
        self._identifier: str | None = settings.guardrail.id
        self._version: str | None = settings.guardrail.version
        if settings.guardrail.type == "new":
            self._create()

    @property
    def environment(self) -> dict[str, str]:
        """The function's environment variables for the guardrail; empty when it is off."""
        if self._identifier is None or self._version is None:
            return {}
        return {"GUARDRAIL_ID": self._identifier, "GUARDRAIL_VERSION": self._version}

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

    def _create(self) -> None:
        content, sensitive = _content_policy(), _sensitive_information_policy(masks=self._masks)
        words = {"managedWordListsConfig": [{"type": "PROFANITY"}]}
        guardrail = bedrock.CfnGuardrail(
            self,
            "Resource",
            # Required by the service; the stack's name is unique in account and region.
            name=Stack.of(self).stack_name,
            blocked_input_messaging="The request was declined by the content policy.",
            blocked_outputs_messaging="The answer was withheld by the content policy.",
            content_policy_config=content,
            sensitive_information_policy_config=sensitive,
            word_policy_config=words,
        )
        version = bedrock.CfnGuardrailVersion(
            self,
            "Version",
            guardrail_identifier=guardrail.attr_guardrail_id,
            # A version is an immutable copy. A changed description creates a new one, so that changed policies apply.
            description=f"Policies {_fingerprint(content, sensitive, words)}",
        )
        self._identifier, self._version = guardrail.attr_guardrail_id, version.attr_version


def _fingerprint(*policies: dict[str, Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(policies, order="sorted")).hexdigest()[:12]


def _content_policy() -> dict[str, Any]:
    filters = [
        {"type": category, "inputStrength": strength, "outputStrength": strength}
        for category, strength in _CONTENT.items()
    ]
    # Answers contain no prompt attacks: the service only accepts NONE there.
    attack = {"type": "PROMPT_ATTACK", "inputStrength": "HIGH", "outputStrength": "NONE"}
    return {"filtersConfig": [*filters, attack]}


def _sensitive_information_policy(*, masks: bool) -> dict[str, Any]:
    masked = [{"type": entity, "action": "ANONYMIZE"} for entity in _MASKED if masks]
    blocked = [{"type": entity, "action": "BLOCK"} for entity in _BLOCKED]
    return {"piiEntitiesConfig": [*masked, *blocked]}
