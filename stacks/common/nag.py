"""cdk-nag's rules, checked at every synthesis, and the acknowledged findings."""

from collections.abc import Mapping

from aws_cdk import Acknowledgment, App, Validations
from cdk_nag import AwsSolutionsChecks, ServerlessChecks
from constructs import IConstruct

# cdk-nag names findings by pack and rule.
_PACKS = ("AwsSolutions", "Serverless")


def check_everything(app: App) -> None:
    """Checks both rule packs at synthesis, which fails for findings that are not acknowledged."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app), ServerlessChecks(app))


def acknowledge(construct: IConstruct, findings: Mapping[str, str]) -> None:
    """Acknowledges findings (rule -> reason) on a construct and its children.

    Rules are written as `AwsSolutions-IAM5[Resource::*]`; a test fails when a construct does not violate the rule.
    """
    acknowledgments = [Acknowledgment(id=f"{_pack(rule)}::{rule}", reason=reason) for rule, reason in findings.items()]
    Validations.of(construct).acknowledge(*acknowledgments)


def _pack(rule: str) -> str:
    return next(pack for pack in _PACKS if rule.startswith(f"{pack}-"))
