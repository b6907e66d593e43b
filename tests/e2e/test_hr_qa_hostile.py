"""Another caller's hostile files: they fail with a code, and the neighbor's documents become ready."""

import time

import pytest

from tests.e2e.caller import Caller
from tests.e2e.test_hr_qa import PARKING, announce, wait_for_status
from tests.hostile.files import KINDS
from tests.pdfs import text_pdf

pytestmark = pytest.mark.e2e

HOSTILE = ("form_that_draws_itself", "bomb_in_ascii_85", "many_pages_of_one_heavy_stream")


def upload(caller: Caller, content: bytes, name: str) -> str:
    document = announce(caller, content, name=name)
    assert caller.upload(document["upload"], content).status < 300
    return str(document["id"])


def test_hostile_files_fail_alone(caller: Caller, other_caller: Caller) -> None:
    hostile = [upload(caller, KINDS[name](), name) for name in HOSTILE]
    healthy = [upload(other_caller, text_pdf([[*PARKING, str(time.time_ns())]]), f"Healthy {n}") for n in range(9)]

    states = [wait_for_status(other_caller, document, "ready", "failed")["status"] for document in healthy]
    failures = [wait_for_status(caller, document, "ready", "failed") for document in hostile]

    assert states == ["ready"] * 9
    assert [failure["error"]["code"] for failure in failures] == ["too_complex"] * len(hostile)
    assert all("upload" in failure["error"]["message"] for failure in failures)
    for owner, documents in ((caller, hostile), (other_caller, healthy)):
        for document in documents:
            owner.call("DELETE", "hr-qa", f"/documents/{document}")
