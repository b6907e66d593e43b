"""Reports over HTTPS."""

import base64
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import png

pytestmark = pytest.mark.e2e
REPORT = (Path(__file__).parents[2] / "samples" / "incident-report.txt").read_text()
LISTS = ("symptoms", "causes", "actionsTaken", "actionsNeeded", "parts", "safety", "missing")


def summarize(caller: Any, **body: Any) -> Any:
    return caller.call("POST", "summarization", "/summaries", body)


def test_a_page_of_text_becomes_a_report_of_two_lines(caller: Any) -> None:
    response = summarize(caller, text=REPORT, lines=2)
    assert response.status == 201, response.raw
    report = response.body["report"]
    assert 1 <= len(report["summary"].splitlines()) <= 2
    assert report["severity"] in ("low", "medium", "high", "critical")
    assert all(isinstance(report[name], list) for name in LISTS)
    assert response.body["usage"]["inputTokens"] > 100

    path = f"/summaries/{response.body['id']}"
    assert caller.call("GET", "summarization", path).body["report"] == report
    listed = caller.call("GET", "summarization", "/summaries", query={"limit": "1"}).body
    assert listed["items"][0]["id"] == response.body["id"]
    assert caller.call("DELETE", "summarization", path).status == 204
    assert caller.call("GET", "summarization", path).code == "not_found"


def test_a_photo_alone(caller: Any) -> None:
    photo = {"contentType": "image/png", "data": base64.b64encode(png(64, 48)).decode()}
    response = summarize(caller, photos=[photo])
    assert response.status == 201, response.raw
    path = f"/summaries/{response.body['id']}"
    (kept,) = caller.call("GET", "summarization", path).body["photos"]
    assert kept["contentType"] == "image/png"
    assert caller.call("DELETE", "summarization", path).status == 204


def test_a_report_is_corrected(caller: Any) -> None:
    created = summarize(caller, text="The pump leaks at the seal.").body
    path = f"/summaries/{created['id']}"
    body = {"report": {**created["report"], "title": "Pump 4 leaks"}, "expectedVersion": 1}
    corrected = caller.call("PATCH", "summarization", path, body)
    assert (corrected.status, corrected.body["version"]) == (200, 2), corrected.raw
    late = caller.call("PATCH", "summarization", path, {**body, "report": {**created["report"], "title": "Other"}})
    assert (late.status, late.code) == (409, "conflict")

    versions = caller.call("GET", "summarization", f"{path}/versions").body["items"]
    assert [version["version"] for version in versions] == [2, 1]
    assert versions[1]["report"] == created["report"]
    assert caller.call("GET", "summarization", path).body["report"]["title"] == "Pump 4 leaks"
    assert caller.call("DELETE", "summarization", path).status == 204
    assert caller.call("GET", "summarization", f"{path}/versions").code == "not_found"


def test_a_file_that_is_not_a_photo(caller: Any) -> None:
    photo = {"contentType": "image/png", "data": base64.b64encode(b"MZ not a photo").decode()}
    response = summarize(caller, photos=[photo])
    assert (response.status, response.code) == (400, "invalid_request")


def test_neither_text_nor_photo(caller: Any) -> None:
    assert summarize(caller).code == "invalid_request"


def test_photos_over_the_limit(caller: Any) -> None:
    photo = {"contentType": "image/png", "data": base64.b64encode(png() + bytes(2_200_000)).decode()}
    response = summarize(caller, photos=[photo, photo])
    assert (response.status, response.code) == (413, "too_large")


def test_an_answer_that_stays_unusable_is_a_model_error(caller: Any, local_only: None) -> None:
    failed = summarize(caller, text="The pump leaks. [[simulate:invalid-json]]")
    assert (failed.status, failed.code) == (502, "model_error")


@pytest.mark.parametrize("failure", ["ThrottlingException", "AccessDeniedException", "ModelTimeoutException"])
def test_a_fallback_answers_for_a_model_that_fails(caller: Any, local_only: None, failure: str) -> None:
    answered = summarize(caller, text=f"The pump leaks at the seal. [[simulate:{failure}@haiku]]")
    assert answered.status == 201, answered.raw
    assert answered.body["model"] == "us.amazon.nova-2-lite-v1:0"
    path = f"/summaries/{answered.body['id']}"
    assert caller.call("GET", "summarization", path).body["model"] == answered.body["model"]
    assert caller.call("DELETE", "summarization", path).status == 204
