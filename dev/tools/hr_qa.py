"""The doctor's checks of HR Q&A: which documents are read again, and whether its sources send events."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from dev.tools.deployed import function_variables
from dev.tools.findings import CALL_ERRORS, Finding, Target, call_failed, error_code, fail, ok, warning
from lambda_src.hr_qa.documents import Documents
from lambda_src.hr_qa.settings import HrSettings, Source
from lambda_src.shared.settings import read_settings
from stacks.config import StageSettings

_DOCUMENTS = "HR Q&A documents"
_DESTINATION = "EventBridgeConfiguration"


def findings(target: Target, settings: StageSettings) -> Iterator[Finding]:
    """All checks of a stage with HR Q&A."""
    if not any(use_case.name == "hr_qa" for use_case in settings.chosen_use_cases):
        return
    for source in settings.hr_qa.sources:
        yield _source(target, source)
    try:
        # All functions of the stack have these settings.
        variables = next(function_variables(target, settings.stack_name("hr_qa")), None)
        if variables is not None:
            function = read_settings(HrSettings, variables)
            yield _documents(Documents(function.table_name, target.client("dynamodb")), function)
    except CALL_ERRORS as error:
        actions = "cloudformation:ListStackResources, lambda:GetFunctionConfiguration or dynamodb:Scan"
        yield call_failed(_DOCUMENTS, error, actions, target)


def _documents(documents: Documents, settings: HrSettings) -> Finding:
    """How many live documents are in a former index, by status."""
    live = [document for _, document in documents.scan() if document.live_generation]
    waiting = Counter(document.status for document in live if document.live_index != settings.index_address)
    if not waiting:
        return ok(_DOCUMENTS, f"{len(live)} in the current index")
    states = ", ".join(f"{count} {status}" for status, count in sorted(waiting.items()))
    return warning(
        _DOCUMENTS,
        f"{waiting.total()} of {len(live)} are to be read again ({states})",
        "wait; failed ones stay in the former index until they get another file, see docs/how-to/operate.md",
    )


def _source(target: Target, source: Source) -> Finding:
    check = f"source s3://{source.bucket}/{source.prefix}"
    s3: Any = target.client("s3")
    try:
        location = s3.get_bucket_location(Bucket=source.bucket).get("LocationConstraint") or "us-east-1"
        notifications = s3.get_bucket_notification_configuration(Bucket=source.bucket)
    except CALL_ERRORS as error:
        if error_code(error) == "NoSuchBucket":
            return fail(check, "there is no such bucket", "create it, or correct hrQa.sources")
        return call_failed(check, error, "s3:GetBucketLocation or s3:GetBucketNotification", target)
    if not target.emulated and location != target.region:
        return fail(check, f"the bucket is in {location}, not in {target.region}", "use a bucket in the stage's region")
    if _DESTINATION not in notifications:
        return fail(check, "the bucket sends no events to EventBridge", "docs/reference/settings.md has the command")
    return ok(check, "sends its events")
