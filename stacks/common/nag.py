"""cdk-nag's rules, checked at every synthesis, and the acknowledged findings."""

from collections.abc import Mapping

from aws_cdk import Acknowledgment, App, Validations
from cdk_nag import AwsSolutionsChecks, HIPAASecurityChecks, NIST80053R5Checks, ServerlessChecks
from constructs import IConstruct

_NIST, _HIPAA = "NIST.800.53.R5", "HIPAA.Security"
# cdk-nag names findings by pack and rule.
_PACKS = ("AwsSolutions", "Serverless", _NIST, _HIPAA)

# Rules of the NIST and HIPAA packs that no stage follows, with the reason for all resources. They are controls of an
# organization: who needs one adds it for the account, or changes the construct.
NOT_FOLLOWED = {
    "APIGWCacheEnabledAndEncrypted": "Nothing is cached: each response belongs to one caller, and most are unique",
    "APIGWSSLEnabled": "The backend is Lambda, called by its API over TLS with IAM: no server checks a certificate",
    "CloudWatchLogGroupEncrypted": "CloudWatch Logs encrypts with its own keys; by default, logs contain no prompts. A "
    "customer managed key is billed monthly, and logging stops when its policy is wrong",
    "DynamoDBInBackupPlan": "Point-in-time recovery restores any second of 35 days; backup plans belong to the account "
    "and select resources by tag (setting `tags`)",
    "IAMNoInlinePolicy": "Each policy has the exact ARNs of one role and is deleted with it; nothing else could use it",
    "LambdaConcurrency": "The gateway throttles callers, and each queue limits its function. Reserved concurrency is "
    "taken from the account's other functions, which only its operator knows (setting `reservedConcurrency`)",
    "LambdaInsideVPC": "Functions call AWS's APIs only, with IAM. A VPC needs endpoints or NAT, billed by the hour, to "
    "reach the same APIs",
    "S3BucketReplicationEnabled": "A second region is a decision about where data may be; files can be uploaded or "
    "generated again",
    "S3BucketVersioningEnabled": "Stages that keep data version it, except photos, whose deletion must be final, and "
    "access logs, which are written once",
    "S3DefaultEncryptionKMS": "S3 encrypts with its own keys. With a customer managed key, every request is billed by "
    "KMS as well, and links to objects need permission for the key",
}


def check_everything(app: App) -> None:
    """Checks all rule packs at synthesis, which fails for findings that are not acknowledged."""
    Validations.of(app).add_plugins(
        AwsSolutionsChecks(app), ServerlessChecks(app), NIST80053R5Checks(app), HIPAASecurityChecks(app)
    )
    acknowledge(app, compliance_findings(NOT_FOLLOWED))


def acknowledge(construct: IConstruct, findings: Mapping[str, str]) -> None:
    """Acknowledges findings (rule -> reason) on a construct and its children.

    Rules are written as `AwsSolutions-IAM5[Resource::*]`; a test fails when a construct does not violate the rule.
    """
    acknowledgments = [Acknowledgment(id=f"{_pack(rule)}::{rule}", reason=reason) for rule, reason in findings.items()]
    Validations.of(construct).acknowledge(*acknowledgments)


def compliance_findings(rules: Mapping[str, str]) -> dict[str, str]:
    """The findings of rules that the NIST and the HIPAA pack both have."""
    return {f"{pack}-{rule}": reason for rule, reason in rules.items() for pack in (_NIST, _HIPAA)}


def _pack(rule: str) -> str:
    return next(pack for pack in _PACKS if rule.startswith(f"{pack}-"))
