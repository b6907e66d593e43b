"""cdk-nag's rules, checked at every synthesis, and the findings that were looked at and accepted."""

from collections.abc import Mapping

from aws_cdk import Acknowledgment, App, Validations
from cdk_nag import AwsSolutionsChecks, ServerlessChecks
from constructs import IConstruct

# cdk-nag names a finding by its pack and its rule.
_PACKS = ("AwsSolutions", "Serverless")


def check_everything(app: App) -> None:
    """Has both rule packs checked at synthesis; a finding that is not acknowledged fails it."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app), ServerlessChecks(app))


def acknowledge(construct: IConstruct, findings: Mapping[str, str]) -> None:
    """Accepts findings (rule -> reason) on a construct and what is below it.

    A rule is written as `AwsSolutions-IAM5[Resource::*]`; a test fails for one that the construct does not break.
    """
    acknowledgments = [Acknowledgment(id=f"{_pack(rule)}::{rule}", reason=reason) for rule, reason in findings.items()]
    Validations.of(construct).acknowledge(*acknowledgments)


def _pack(rule: str) -> str:
    return next(pack for pack in _PACKS if rule.startswith(f"{pack}-"))
