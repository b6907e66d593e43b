"""Texts to vectors: one family a function below, then norms, order and cosine."""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from msgspec import UNSET

from embeddings.models import CompareTexts, CreateEmbeddings, Embedding, Embeddings, Similarities, Similarity
from shared.bedrock import Bedrock
from shared.catalogue import Invocation
from shared.context import Context
from shared.contract import Usage
from shared.errors import InvalidRequest, ModelFailed
from shared.observability import logger
from shared.settings import Settings

# Titan takes one text a call and its quota counts requests: with this many at once, no caller takes all of it.
CONCURRENT_CALLS = 8
COHERE_DIMENSIONS = 1024
# The most texts that Cohere Embed takes in one call.
COHERE_BATCH = 96

Vector = list[float]
# The vectors in the texts' order, and the tokens of each (None: counted only as a whole), and of all.
Vectors = tuple[list[Vector], list[int | None], int]


class EmbeddingService:
    """The operations of the embeddings' route table."""

    def __init__(self, settings: Settings, bedrock: Bedrock) -> None:
        self._settings = settings
        self._bedrock = bedrock

    def create_embeddings(self, context: Context, *, body: CreateEmbeddings) -> Embeddings:
        """The vectors, in the order of the texts."""
        invocation = self._settings.model(body.model)
        vectors, tokens, total = self._embed(context, invocation, body.texts, body.dimensions, body.normalize)
        self._log(context, body, vectors, total)
        items = [
            Embedding(index=index, vector=vector, input_tokens=UNSET if count is None else count)
            for index, (vector, count) in enumerate(zip(vectors, tokens, strict=True))
        ]
        return Embeddings(
            items=items,
            dimensions=body.dimensions,
            model=invocation.id,
            usage=Usage(input_tokens=total),
            request_id=context.request_id,
        )

    def compare_texts(self, context: Context, *, body: CompareTexts) -> Similarities:
        """The candidates by their cosine to the text, best first; equal ones in the order given."""
        invocation = self._settings.model(None)
        texts = [body.text, *body.candidates]
        vectors, _, total = self._embed(context, invocation, texts, body.dimensions, normalize=True)
        scores = [_dot(vectors[0], vector) for vector in vectors[1:]]
        best_first = sorted(enumerate(scores), key=lambda pair: -pair[1])
        return Similarities(
            items=[Similarity(index=index, score=score) for index, score in best_first],
            model=invocation.id,
            usage=Usage(input_tokens=total),
            request_id=context.request_id,
        )

    def _embed(
        self, context: Context, invocation: Invocation, texts: list[str], dimensions: int, normalize: bool
    ) -> Vectors:
        vectors, tokens, total = FAMILIES[invocation.model.family](
            self._bedrock, context, invocation, texts, dimensions, normalize
        )
        if len(vectors) != len(texts) or any(len(vector) != dimensions for vector in vectors):
            raise ModelFailed("The model's answer has not the vectors that were asked for.")
        context.used(invocation).input_tokens += total
        return [_normalized(vector) for vector in vectors] if normalize else vectors, tokens, total

    def _log(self, context: Context, body: CreateEmbeddings, vectors: list[Vector], tokens: int) -> None:
        logger.info(
            "embeddings",
            request_id=context.request_id,
            texts=len(vectors),
            input_tokens=tokens,
            dimensions=body.dimensions,
            norms=[round(math.hypot(*vector), 4) for vector in vectors],
        )
        if self._settings.payload_logging:
            for text, vector in zip(body.texts, vectors, strict=True):
                logger.info("payload", request_id=context.request_id, prompt=text, vector=vector)


def _titan(
    bedrock: Bedrock, context: Context, invocation: Invocation, texts: list[str], dimensions: int, normalize: bool
) -> Vectors:
    def one(text: str) -> dict[str, Any]:
        request = {"inputText": text, "dimensions": dimensions, "normalize": normalize}
        answer, _ = bedrock.invoke(context, invocation, request)
        return dict(answer)

    with ThreadPoolExecutor(max_workers=min(CONCURRENT_CALLS, len(texts))) as pool:
        futures = [pool.submit(one, text) for text in texts]
        try:
            answers = [future.result() for future in futures]
        except BaseException:
            pool.shutdown(cancel_futures=True)  # one failure is the request's: do not pay for the rest
            raise
    tokens: list[int | None] = [answer["inputTextTokenCount"] for answer in answers]
    return [answer["embedding"] for answer in answers], tokens, sum(filter(None, tokens))


def _cohere(
    bedrock: Bedrock, context: Context, invocation: Invocation, texts: list[str], dimensions: int, normalize: bool
) -> Vectors:
    if dimensions != COHERE_DIMENSIONS:
        raise InvalidRequest.at("body.dimensions", f"{invocation.model.name} gives {COHERE_DIMENSIONS} only")
    vectors: list[Vector] = []
    total = 0
    for start in range(0, len(texts), COHERE_BATCH):
        request = {"texts": texts[start : start + COHERE_BATCH], "input_type": "search_document", "truncate": "NONE"}
        answer, tokens = bedrock.invoke(context, invocation, request)
        vectors += answer["embeddings"]
        total += tokens
    # Cohere counts tokens for a batch; alone, a text is the batch.
    return vectors, [total] if len(texts) == 1 else [None] * len(texts), total


FAMILIES: dict[str, Callable[..., Vectors]] = {"titan-embed": _titan, "cohere-embed": _cohere}


def _dot(one: Vector, other: Vector) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def _normalized(vector: Vector) -> Vector:
    length = math.hypot(*vector)
    return [value / length for value in vector] if length else vector
