"""The doctor's checks of HR Q&A."""

from typing import Any

import msgspec
import pytest

from dev.tools import hr_qa
from dev.tools.findings import Finding
from lambda_src.hr_qa.settings import Source, Space
from lambda_src.shared.table import to_item
from stacks.config import HrQaSettings
from tests.dev.tools.test_doctor import SETTINGS, target
from tests.fakes import client_error

SOURCES = HrQaSettings(
    spaces=(Space(name="handbooks"),), sources=(Source(bucket="policies", prefix="hr/", space="handbooks"),)
)
SENDING = {"get_bucket_location": {"LocationConstraint": "us-west-2"}}
EVENTS = {"get_bucket_notification_configuration": {"EventBridgeConfiguration": {}}}


def findings(settings: HrQaSettings = SOURCES, **answers: Any) -> dict[str, Finding]:
    stage = msgspec.structs.replace(SETTINGS, hr_qa=settings)
    return {finding.check: finding for finding in hr_qa.findings(target(**{**SENDING, **EVENTS, **answers}), stage)}


def item(index: str, status: str = "ready") -> dict[str, Any]:
    fields = {"id": "1", "name": "n", "owner": "o", "status": status, "createdAt": "t", "updatedAt": "t"}
    return {**to_item({"pk": "documents#a", "sk": "1", **fields, "live": "g", "liveIndex": f"search.test/{index}"})}


def test_documents_in_a_former_index_are_counted_by_their_status() -> None:
    items = [item("chunks-1"), item("chunks-0"), item("chunks-0", "processing"), item("chunks-0", "failed")]

    finding = findings(scan={"Items": items})["HR Q&A documents"]

    assert finding.level == "warning"
    assert finding.message == "3 of 4 are to be read again (1 failed, 1 processing, 1 ready)"


def test_nothing_is_left_to_read() -> None:
    finding = findings(scan={"Items": [item("chunks-1")]})["HR Q&A documents"]
    assert (finding.level, finding.message) == ("ok", "1 in the current index")


def test_a_use_case_that_is_not_deployed_or_chosen_is_not_checked() -> None:
    assert "HR Q&A documents" not in findings(list_stack_resources=client_error("ValidationError"))
    stage = msgspec.structs.replace(SETTINGS, use_cases=("chatbot",))
    assert list(hr_qa.findings(target(), stage)) == []


@pytest.mark.parametrize(
    ("answers", "level", "text"),
    [
        ({}, "ok", "sends its events"),
        ({"get_bucket_notification_configuration": {}}, "fail", "sends no events"),
        ({"get_bucket_location": {"LocationConstraint": "eu-west-1"}}, "fail", "eu-west-1"),
        # S3's answer for its first region.
        ({"get_bucket_location": {"LocationConstraint": None}}, "fail", "us-east-1"),
        ({"get_bucket_location": client_error("NoSuchBucket")}, "fail", "no such bucket"),
        ({"get_bucket_location": client_error("AccessDenied")}, "warning", "s3:GetBucketNotification"),
    ],
)
def test_a_source_sends_its_events_from_the_stages_region(answers: dict[str, Any], level: str, text: str) -> None:
    finding = findings(**answers)["source s3://policies/hr/"]
    assert finding.level == level
    assert text in finding.message
