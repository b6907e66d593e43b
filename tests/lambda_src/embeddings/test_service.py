"""Embeddings: order, token counts, norms and cosines."""

import math
import threading
from typing import Any

import pytest

from lambda_src.embeddings.models import CompareTexts, CreateEmbeddings
from lambda_src.embeddings.service import EmbeddingService
from lambda_src.shared.bedrock import Bedrock
from lambda_src.shared.embedding import CONCURRENT_CALLS
from lambda_src.shared.errors import InvalidRequest, ModelFailed, Throttled
from tests.fakes import FakeModel, client_error, context, settings

TITAN = "amazon.titan-embed-text-v2:0"
COHERE = "cohere.embed-multilingual-v3"


def make(model: FakeModel) -> EmbeddingService:
    stage_settings = settings(models=(TITAN, COHERE))
    return EmbeddingService(stage_settings, Bedrock(stage_settings, model, lambda s: None))


def titan(request: dict[str, Any]) -> dict[str, Any]:
    """A vector whose direction depends on the text's length."""
    body = request["body"]
    vector = [0.0] * body["dimensions"]
    vector[len(body["inputText"])] = 2.0
    return {"embedding": vector, "inputTextTokenCount": len(body["inputText"])}


def test_titan_vectors_are_in_the_order_of_the_texts() -> None:
    texts = ["x" * (1 + number % 50) for number in range(96)]
    request_context = context()
    response = make(FakeModel(*[titan] * 96)).create_embeddings(
        request_context, body=CreateEmbeddings(texts=texts, dimensions=256)
    )
    assert [item.vector.index(max(item.vector)) for item in response.items] == [len(text) for text in texts]
    assert [item.input_tokens for item in response.items] == [len(text) for text in texts]
    assert response.usage.input_tokens == sum(map(len, texts))
    assert all(math.hypot(*item.vector) == pytest.approx(1) for item in response.items)
    assert next(iter(request_context.uses.values())).calls == 96


def test_titan_calls_are_concurrent_up_to_a_limit() -> None:
    running, most, lock = 0, 0, threading.Lock()
    full = threading.Barrier(CONCURRENT_CALLS)

    def slow(request: dict[str, Any]) -> dict[str, Any]:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        full.wait(5)
        with lock:
            running -= 1
        return titan(request)

    texts = ["x"] * (2 * CONCURRENT_CALLS)
    make(FakeModel(*[slow] * len(texts))).create_embeddings(context(), body=CreateEmbeddings(texts=texts))
    assert most == CONCURRENT_CALLS


def test_cohere_embeds_a_batch_with_one_token_count() -> None:
    model = FakeModel({"embeddings": [[3.0] + [0.0] * 1023, [0.0, 4.0] + [0.0] * 1022], "_tokens": 9})
    body = CreateEmbeddings(texts=["a", "b"], model=COHERE)
    response = make(model).create_embeddings(context(), body=body)
    assert model.requests[0]["body"]["texts"] == ["a", "b"]
    assert [item.vector[:2] for item in response.items] == [[1.0, 0.0], [0.0, 1.0]]
    assert response.usage.input_tokens == 9
    with pytest.raises(InvalidRequest):
        make(FakeModel()).create_embeddings(context(), body=CreateEmbeddings(texts=["a"], model=COHERE, dimensions=256))


def test_without_normalize_vectors_are_unchanged() -> None:
    body = CreateEmbeddings(texts=["a"], normalize=False)
    response = make(FakeModel(titan)).create_embeddings(context(), body=body)
    assert math.hypot(*response.items[0].vector) == 2.0


def test_one_failed_text_fails_the_request_and_the_others_are_counted() -> None:
    model = FakeModel(titan, *[client_error("ThrottlingException")] * 40)
    request_context = context()
    with pytest.raises(Throttled):
        make(model).create_embeddings(request_context, body=CreateEmbeddings(texts=["a", "b"]))
    (use,) = request_context.uses.values()
    assert (use.calls, use.counted) == (2, 1)
    assert use.input_tokens > 0


def test_a_vector_of_the_wrong_length_is_a_model_error() -> None:
    model = FakeModel({"embedding": [1.0], "inputTextTokenCount": 1})
    with pytest.raises(ModelFailed):
        make(model).create_embeddings(context(), body=CreateEmbeddings(texts=["a"]))


def test_similarities_are_best_first() -> None:
    model = FakeModel(*[titan] * 4)
    body = CompareTexts(text="aa", candidates=["a", "bb", "c"], dimensions=256)
    response = make(model).compare_texts(context(), body=body)
    assert [(item.index, item.score) for item in response.items] == [(1, 1.0), (0, 0.0), (2, 0.0)]
