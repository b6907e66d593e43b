"""Embeddings against the fake API, whose vectors start with the length of the text."""

from typing import Any

import pytest

from bedrock_endpoints import errors
from bedrock_endpoints.langchain import BedrockEndpointsEmbeddings
from clients.tests.fake import FakeApis, error

TEXTS = ["x" * (number + 1) for number in range(200)]


async def test_any_number_of_texts_in_order(apis: FakeApis, options: Any) -> None:
    embeddings = BedrockEndpointsEmbeddings(**options("embeddings"), dimensions=256)

    for vectors in (embeddings.embed_documents(TEXTS), await embeddings.aembed_documents(TEXTS)):
        assert [vector[0] for vector in vectors] == [float(len(text)) for text in TEXTS]
        assert {len(vector) for vector in vectors} == {256}
    assert [len(body["texts"]) for body in apis.bodies()] == [96, 96, 8] * 2


async def test_numbers_are_floats(options: Any) -> None:
    embeddings = BedrockEndpointsEmbeddings(**options("embeddings"))

    for vector in (embeddings.embed_query("abc"), await embeddings.aembed_query("abc")):
        assert vector[:2] == [3.0, 0.0]
        assert {type(number) for number in vector} == {float}


def test_bodies_are_within_the_apis_limit(apis: FakeApis, options: Any) -> None:
    texts = ["\U0001f4a7" * 50_000] * 60

    assert len(BedrockEndpointsEmbeddings(**options("embeddings")).embed_documents(texts)) == 60

    sizes = [int(request.headers["Content-Length"]) for request in apis.received]
    assert max(sizes) <= 5_800_000
    assert len(sizes) == 3


def test_no_texts_send_no_request(apis: FakeApis, options: Any) -> None:
    assert BedrockEndpointsEmbeddings(**options("embeddings")).embed_documents([]) == []
    assert apis.received == []


def test_options_are_sent(apis: FakeApis, options: Any) -> None:
    embeddings = BedrockEndpointsEmbeddings(**options("embeddings"), model="one", dimensions=512, normalize=False)

    embeddings.embed_query("a")

    assert apis.bodies() == [{"texts": ["a"], "dimensions": 512, "normalize": False, "model": "one"}]


def test_invalid_dimensions() -> None:
    with pytest.raises(ValueError, match="dimensions"):
        BedrockEndpointsEmbeddings(stage="dev", dimensions=384)


def test_a_failed_batch_fails_the_call(apis: FakeApis, options: Any) -> None:
    apis.planned += [None, error(502, "model_error")]

    with pytest.raises(errors.ModelError):
        BedrockEndpointsEmbeddings(**options("embeddings")).embed_documents(TEXTS)
