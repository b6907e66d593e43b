"""What prompts and answers are checked with."""

import hashlib
from typing import Any

import msgspec
from aws_cdk import Aws, Stack
from aws_cdk import aws_bedrock as bedrock
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.config import StageSettings

# Strength: how little certainty is enough to refuse. Reports tell of injuries, posters of thrillers: less strict there.
_CONTENT = {"HATE": "HIGH", "INSULTS": "HIGH", "SEXUAL": "HIGH", "VIOLENCE": "MEDIUM", "MISCONDUCT": "MEDIUM"}
# Masked where they appear: they can be part of an honest report. Names and places stay, reports are about them.
_MASKED = ("EMAIL", "PHONE")
# Refused: no use case needs them, and a model must not repeat them.
_REFUSED = ("AWS_ACCESS_KEY", "AWS_SECRET_KEY", "PASSWORD", "CREDIT_DEBIT_CARD_NUMBER", "CREDIT_DEBIT_CARD_CVV", "PIN")


class Guardrail(Construct):
    """A guardrail by the stage's settings: a new one with the policies of this module, an existing one, or none."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: StageSettings, masks: bool = True) -> None:
        """`masks`: whether e-mail addresses and telephone numbers are masked."""
        super().__init__(scope, construct_id)
        self._masks = masks
        self._region = settings.bedrock_region or Aws.REGION
        self._identifier: str | None = settings.guardrail.id
        self._version: str | None = settings.guardrail.version
        if settings.guardrail.type == "new":
            self._create()

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which a function finds the guardrail; none when it is off."""
        if self._identifier is None or self._version is None:
            return {}
        return {"GUARDRAIL_ID": self._identifier, "GUARDRAIL_VERSION": self._version}

    def grant_apply(self, grantee: iam.IGrantable) -> None:
        """Lets the grantee use this guardrail."""
        if self._identifier is None:
            return
        arn = f"arn:{Aws.PARTITION}:bedrock:{self._region}:{Aws.ACCOUNT_ID}:guardrail/{self._identifier}"
        grantee.grant_principal.add_to_principal_policy(
            iam.PolicyStatement(actions=["bedrock:ApplyGuardrail"], resources=[arn])
        )

    def _create(self) -> None:
        content, sensitive = _content_policy(), _sensitive_information_policy(masks=self._masks)
        words = {"managedWordListsConfig": [{"type": "PROFANITY"}]}
        guardrail = bedrock.CfnGuardrail(
            self,
            "Resource",
            # The service asks for a name and has no default; the stack's is unique in account and region.
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
            # A version is a frozen copy, and a new description makes a new one: changed policies take effect.
            description=f"Policies {_fingerprint(content, sensitive, words)}",
        )
        self._identifier, self._version = guardrail.attr_guardrail_id, version.attr_version


def _fingerprint(*policies: dict[str, Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(policies, order="sorted")).hexdigest()[:12]


def _content_policy() -> dict[str, Any]:
    filters = [
        {"type": kind, "inputStrength": strength, "outputStrength": strength} for kind, strength in _CONTENT.items()
    ]
    # There are no attacks in answers: the service takes only NONE there.
    attack = {"type": "PROMPT_ATTACK", "inputStrength": "HIGH", "outputStrength": "NONE"}
    return {"filtersConfig": [*filters, attack]}


def _sensitive_information_policy(*, masks: bool) -> dict[str, Any]:
    masked = [{"type": kind, "action": "ANONYMIZE"} for kind in _MASKED if masks]
    refused = [{"type": kind, "action": "BLOCK"} for kind in _REFUSED]
    return {"piiEntitiesConfig": [*masked, *refused]}
