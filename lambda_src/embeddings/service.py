"""Embeds texts, and ranks texts by their similarity to another text."""

import math
from collections.abc import Mapping

from msgspec import UNSET

from lambda_src.embeddings.models import CompareTexts, CreateEmbeddings, Embedding, Embeddings, Similarities, Similarity
from lambda_src.shared.bedrock import Bedrock
from lambda_src.shared.catalog import Model
from lambda_src.shared.context import Context
from lambda_src.shared.embedding import Embedder, Vector
from lambda_src.shared.errors import InvalidRequest
from lambda_src.shared.observability import logger
from lambda_src.shared.schemas import Usage
from lambda_src.shared.settings import Settings


class EmbeddingService:
    """The operations of the embeddings' route table."""

    def __init__(self, settings: Settings, bedrock: Bedrock) -> None:
        self._settings = settings
        self._bedrock = bedrock

    def create_embeddings(self, context: Context, *, body: CreateEmbeddings) -> Embeddings:
        """The vectors in the order of the texts. Raises `Refused` when the guardrail blocks a text."""
        invocation = self._settings.model(context, body.model)
        embedder = Embedder(self._bedrock, invocation, body.dimensions)
        _check_lengths(invocation.model, {f"body.texts[{index}]": text for index, text in enumerate(body.texts)})
        texts = self._bedrock.screen(context, *body.texts)
        vectors, tokens, total = embedder.embed(context, texts, normalize=body.normalize)
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
        """The candidates by their cosine with the text, best first; equal ones keep their order.

        Raises `Refused` when the guardrail blocks a text.
        """
        invocation = self._settings.model(context, None)
        embedder = Embedder(self._bedrock, invocation, body.dimensions)
        candidates = {f"body.candidates[{index}]": text for index, text in enumerate(body.candidates)}
        _check_lengths(invocation.model, {"body.text": body.text, **candidates})
        texts = self._bedrock.screen(context, body.text, *body.candidates)
        vectors, _, total = embedder.embed(context, texts)
        scores = [_dot(vectors[0], vector) for vector in vectors[1:]]
        best_first = sorted(enumerate(scores), key=lambda pair: -pair[1])
        return Similarities(
            items=[Similarity(index=index, score=score) for index, score in best_first],
            model=invocation.id,
            usage=Usage(input_tokens=total),
            request_id=context.request_id,
        )

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


def _check_lengths(model: Model, texts: Mapping[str, str]) -> None:
    """Raises `InvalidRequest` with the paths of all texts that are too long for the model."""
    limit = model.max_text_characters
    details = [
        {"path": path, "message": f"{model.name} takes up to {limit:,} characters"}
        for path, text in texts.items()
        if limit is not None and len(text) > limit
    ]
    if details:
        raise InvalidRequest("; ".join(f"{each['path']}: {each['message']}" for each in details), details=details)


def _dot(first: Vector, second: Vector) -> float:
    return sum(a * b for a, b in zip(first, second, strict=True))
