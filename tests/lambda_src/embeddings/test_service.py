"""Vectors: order, counts, norms and cosine."""

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
    chosen = settings(models=(TITAN, COHERE))
    return EmbeddingService(chosen, Bedrock(chosen, model, lambda s: None))


def titan(request: dict[str, Any]) -> dict[str, Any]:
    """A vector that points where the text's length says."""
    body = request["body"]
    vector = [0.0] * body["dimensions"]
    vector[len(body["inputText"])] = 2.0
    return {"embedding": vector, "inputTextTokenCount": len(body["inputText"])}


def test_titan_answers_keep_the_order_of_the_texts() -> None:
    texts = ["x" * (1 + number % 50) for number in range(96)]
    used = context()
    made = make(FakeModel(*[titan] * 96)).create_embeddings(used, body=CreateEmbeddings(texts=texts, dimensions=256))
    assert [item.vector.index(max(item.vector)) for item in made.items] == [len(text) for text in texts]
    assert [item.input_tokens for item in made.items] == [len(text) for text in texts]
    assert made.usage.input_tokens == sum(map(len, texts))
    assert all(math.hypot(*item.vector) == pytest.approx(1) for item in made.items)
    assert next(iter(used.uses.values())).calls == 96


def test_titan_calls_run_side_by_side_but_not_all_at_once() -> None:
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


def test_cohere_takes_a_batch_and_counts_it_as_a_whole() -> None:
    model = FakeModel({"embeddings": [[3.0] + [0.0] * 1023, [0.0, 4.0] + [0.0] * 1022], "_tokens": 9})
    body = CreateEmbeddings(texts=["a", "b"], model=COHERE)
    made = make(model).create_embeddings(context(), body=body)
    assert model.requests[0]["body"]["texts"] == ["a", "b"]
    assert [item.vector[:2] for item in made.items] == [[1.0, 0.0], [0.0, 1.0]]
    assert made.usage.input_tokens == 9
    with pytest.raises(InvalidRequest):
        make(FakeModel()).create_embeddings(context(), body=CreateEmbeddings(texts=["a"], model=COHERE, dimensions=256))


def test_vectors_stay_as_they_are_without_normalize() -> None:
    body = CreateEmbeddings(texts=["a"], normalize=False)
    made = make(FakeModel(titan)).create_embeddings(context(), body=body)
    assert math.hypot(*made.items[0].vector) == 2.0


def test_one_failed_text_fails_the_request() -> None:
    model = FakeModel(titan, *[client_error("ThrottlingException")] * 40)
    with pytest.raises(Throttled):
        make(model).create_embeddings(context(), body=CreateEmbeddings(texts=["a", "b"]))


def test_a_vector_of_another_size_is_a_model_error() -> None:
    model = FakeModel({"embedding": [1.0], "inputTextTokenCount": 1})
    with pytest.raises(ModelFailed):
        make(model).create_embeddings(context(), body=CreateEmbeddings(texts=["a"]))


def test_similarities_are_best_first() -> None:
    model = FakeModel(*[titan] * 4)
    body = CompareTexts(text="aa", candidates=["a", "bb", "c"], dimensions=256)
    made = make(model).compare_texts(context(), body=body)
    assert [(item.index, item.score) for item in made.items] == [(1, 1.0), (0, 0.0), (2, 0.0)]
