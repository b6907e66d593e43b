"""Reports over HTTPS."""

import base64
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import png

pytestmark = pytest.mark.e2e
REPORT = (Path(__file__).parents[2] / "samples" / "incident-report.txt").read_text()
LISTS = ("symptoms", "causes", "actionsTaken", "actionsNeeded", "parts", "safety", "missing")


def make(caller: Any, **body: Any) -> Any:
    return caller.call("POST", "summarization", "/summaries", body)


def test_a_page_of_text_becomes_a_report_of_two_lines(caller: Any) -> None:
    made = make(caller, text=REPORT, lines=2)
    assert made.status == 201, made.raw
    report = made.body["report"]
    assert 1 <= len(report["summary"].splitlines()) <= 2
    assert report["severity"] in ("low", "medium", "high", "critical")
    assert all(isinstance(report[name], list) for name in LISTS)
    assert made.body["usage"]["inputTokens"] > 100

    path = f"/summaries/{made.body['id']}"
    assert caller.call("GET", "summarization", path).body["report"] == report
    listed = caller.call("GET", "summarization", "/summaries", query={"limit": "1"}).body
    assert listed["items"][0]["id"] == made.body["id"]
    assert caller.call("DELETE", "summarization", path).status == 204
    assert caller.call("GET", "summarization", path).code == "not_found"


def test_a_photo_alone(caller: Any) -> None:
    photo = {"contentType": "image/png", "data": base64.b64encode(png(64, 48)).decode()}
    made = make(caller, photos=[photo])
    assert made.status == 201, made.raw


def test_a_file_that_is_no_photo(caller: Any) -> None:
    photo = {"contentType": "image/png", "data": base64.b64encode(b"MZ not a photo").decode()}
    refused = make(caller, photos=[photo])
    assert (refused.status, refused.code) == (400, "invalid_request")


def test_neither_text_nor_photo(caller: Any) -> None:
    assert make(caller).code == "invalid_request"


def test_photos_over_the_limit(caller: Any) -> None:
    photo = {"contentType": "image/png", "data": base64.b64encode(png() + bytes(2_200_000)).decode()}
    refused = make(caller, photos=[photo, photo])
    assert (refused.status, refused.code) == (413, "too_large")


def test_an_answer_that_stays_unusable_is_a_model_error(caller: Any, local_only: None) -> None:
    failed = make(caller, text="The pump leaks. [[simulate:invalid-json]]")
    assert (failed.status, failed.code) == (502, "model_error")
