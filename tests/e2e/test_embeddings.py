"""Vectors over HTTPS."""

import math
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

pytestmark = pytest.mark.e2e


def make(caller: Any, path: str = "/embeddings", **body: Any) -> Any:
    return caller.call("POST", "embeddings", path, body)


@pytest.mark.parametrize("dimensions", [1024, 512, 256])
def test_vectors_in_the_dimensions_asked_for(caller: Any, dimensions: int) -> None:
    made = make(caller, texts=["a pump", "a very much longer text about a pump"], dimensions=dimensions)
    assert made.status == 200, made.raw
    first, second = made.body["items"]
    assert len(first["vector"]) == dimensions
    assert math.hypot(*first["vector"]) == pytest.approx(1, abs=1e-3)
    assert 0 < first["inputTokens"] < second["inputTokens"]
    assert made.body["usage"]["inputTokens"] == first["inputTokens"] + second["inputTokens"]


def test_the_nearest_text_comes_first(caller: Any) -> None:
    candidates = ["The stock exchange fell.", "The machine is leaking oil.", "I like strawberries."]
    made = make(caller, "/similarities", text="Oil drips out of the pump.", candidates=candidates)
    assert made.status == 200, made.raw
    assert made.body["items"][0]["index"] == 1
    assert sorted(item["index"] for item in made.body["items"]) == [0, 1, 2]


def test_twenty_equal_requests_at_once_are_one_call(caller: Any, local_only: None) -> None:
    # A model that answers once with a delay: the others meet it running, or find it done.
    body = {"texts": [f"[[simulate:slow:2]] {uuid.uuid4().hex}"]}
    key = {"Idempotency-Key": uuid.uuid4().hex}
    with ThreadPoolExecutor(20) as pool:
        answers = list(
            pool.map(lambda _: caller.call("POST", "embeddings", "/embeddings", body, headers=key), range(20))
        )
    done = [answer for answer in answers if answer.status == 200]
    assert {answer.status for answer in answers} <= {200, 409}
    assert {answer.code for answer in answers if answer.status == 409} <= {"in_progress"}
    fresh = [answer for answer in done if answer.headers.get("Idempotency-Replayed") != "true"]
    assert len(fresh) == 1
    assert {answer.raw for answer in done} == {fresh[0].raw}
