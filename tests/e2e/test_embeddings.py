"""Vectors over HTTPS."""

import math
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

pytestmark = pytest.mark.e2e


def embed(caller: Any, path: str = "/embeddings", **body: Any) -> Any:
    return caller.call("POST", "embeddings", path, body)


@pytest.mark.parametrize("dimensions", [1024, 512, 256])
def test_vectors_have_the_requested_dimensions(caller: Any, dimensions: int) -> None:
    response = embed(caller, texts=["a pump", "a very much longer text about a pump"], dimensions=dimensions)
    assert response.status == 200, response.raw
    first, second = response.body["items"]
    assert len(first["vector"]) == dimensions
    assert math.hypot(*first["vector"]) == pytest.approx(1, abs=1e-3)
    assert 0 < first["inputTokens"] < second["inputTokens"]
    assert response.body["usage"]["inputTokens"] == first["inputTokens"] + second["inputTokens"]


def test_the_nearest_text_comes_first(caller: Any) -> None:
    candidates = ["The stock exchange fell.", "The machine is leaking oil.", "I like strawberries."]
    response = embed(caller, "/similarities", text="Oil drips out of the pump.", candidates=candidates)
    assert response.status == 200, response.raw
    assert response.body["items"][0]["index"] == 1
    assert sorted(item["index"] for item in response.body["items"]) == [0, 1, 2]


def test_twenty_concurrent_equal_requests_make_one_call(caller: Any, local_only: None) -> None:
    # The model answers after a delay: the other requests find the first one running, or finished.
    body = {"texts": [f"[[simulate:slow:2]] {uuid.uuid4().hex}"]}
    key = {"Idempotency-Key": uuid.uuid4().hex}
    with ThreadPoolExecutor(20) as pool:
        responses = list(
            pool.map(lambda _: caller.call("POST", "embeddings", "/embeddings", body, headers=key), range(20))
        )
    successes = [response for response in responses if response.status == 200]
    assert {response.status for response in responses} <= {200, 409}
    assert {response.code for response in responses if response.status == 409} <= {"in_progress"}
    executed = [response for response in successes if response.headers.get("Idempotency-Replayed") != "true"]
    assert len(executed) == 1
    assert {response.raw for response in successes} == {executed[0].raw}
