"""A folder in S3 becomes answerable by itself. Needs a stage with a source whose space every caller may read."""

import os
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest

from dev.local.paths import ROOT, Paths
from dev.tools.doctor import LOCAL, aws_target, local_target, read_context
from lambda_src.hr_qa.settings import Source
from stacks.loading import load_stage
from tests.e2e.caller import Caller
from tests.e2e.conftest import STAGE
from tests.pdfs import text_pdf

pytestmark = pytest.mark.e2e

SECONDS = 180
FILES = 20


def rules(number: int) -> bytes:
    return text_pdf([[f"# Rules of office {number}", f"The parking lot of office {number} has {number + 40} places."]])


@pytest.fixture(scope="module")
def source() -> Source:
    settings = load_stage(read_context(ROOT)["stages"], STAGE, today=date.today())
    if not settings.hr_qa.sources:
        pytest.skip(f"the stage {STAGE} has no hrQa.sources")
    return settings.hr_qa.sources[0]


@pytest.fixture(scope="module")
def s3() -> Any:
    settings = load_stage(read_context(ROOT)["stages"], STAGE, today=date.today())
    # A copy: the target of the local stage removes the user's AWS settings.
    target = local_target(Paths(ROOT), settings, dict(os.environ)) if STAGE == LOCAL else aws_target(settings)
    assert target
    return target.client("s3")


@pytest.fixture(scope="module")
def folder(source: Source, s3: Any) -> Iterator[str]:
    """A folder of PDFs and other files below the source's prefix."""
    prefix = f"{source.prefix}{uuid.uuid4().hex}/"
    for number in range(FILES):
        is_pdf = number % 2 == 0
        key = f"{prefix}office {number}.{'pdf' if is_pdf else 'xlsx'}"
        s3.put_object(Bucket=source.bucket, Key=key, Body=rules(number) if is_pdf else b"not read")
    yield prefix
    for entry in s3.list_objects_v2(Bucket=source.bucket, Prefix=prefix).get("Contents", ()):
        s3.delete_object(Bucket=source.bucket, Key=entry["Key"])


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.5)


def documents(caller: Caller, source: Source, folder: str) -> dict[str, Any]:
    """Key -> document, for the objects of the folder."""
    found: dict[str, Any] = {}
    query = {"space": source.space, "limit": "100"}
    while True:
        page = caller.call("GET", "hr-qa", "/documents", query=query).body
        for document in page["items"]:
            key = document.get("source", {}).get("key", "")
            if key.startswith(folder) and document["status"] != "deleting":
                found[key] = document
        if "nextCursor" not in page:
            return found
        query["cursor"] = page["nextCursor"]


def test_a_folder_is_answerable_by_itself_and_a_removed_file_is_not(
    caller: Caller, source: Source, s3: Any, folder: str
) -> None:
    def statuses() -> list[str]:
        return [document["status"] for document in documents(caller, source, folder).values()]

    wait_until(lambda: statuses() == ["ready"] * (FILES // 2))
    (removed, *others) = sorted(documents(caller, source, folder).values(), key=lambda document: str(document["name"]))
    question = {"question": "How many places has the parking lot of office 0?", "spaces": [source.space]}
    assert removed["name"] == "office 0.pdf"
    answer = caller.call("POST", "hr-qa", "/questions", question).body
    assert removed["id"] in {citation["documentId"] for citation in answer["citations"]}
    assert caller.call("DELETE", "hr-qa", f"/documents/{removed['id']}").status in (403, 409)

    s3.delete_object(Bucket=source.bucket, Key=removed["source"]["key"])
    wait_until(lambda: len(statuses()) == len(others))

    answer = caller.call("POST", "hr-qa", "/questions", question).body
    assert removed["id"] not in {citation["documentId"] for citation in answer["citations"]}
