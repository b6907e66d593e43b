"""Texts to vectors: one function a family of models, behind one call."""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

from lambda_src.shared.bedrock import Bedrock
from lambda_src.shared.catalogue import Invocation
from lambda_src.shared.context import Context
from lambda_src.shared.errors import InvalidRequest, ModelFailed

# Titan takes one text a call and its quota counts requests: with this many at once, no caller takes all of it.
CONCURRENT_CALLS = 8
# The most texts that Cohere Embed takes in one call.
COHERE_BATCH = 96

Vector = list[float]
# The vectors in the texts' order, and the tokens of each (None: counted only as a whole), and of all.
Vectors = tuple[list[Vector], list[int | None], int]
# What the vectors are for, in Cohere's terms; Titan does not tell the two apart.
Kind = Literal["search_document", "search_query"]


class Embedder:
    """A model's vectors in a stage's dimensions.

    `pace` is called before each call to the model, and may wait; `concurrent_calls` bounds those that run at once.
    """

    def __init__(
        self,
        bedrock: Bedrock,
        invocation: Invocation,
        dimensions: int,
        *,
        concurrent_calls: int = CONCURRENT_CALLS,
        pace: Callable[[], None] = lambda: None,
    ) -> None:
        self.invocation = invocation
        self.dimensions = dimensions
        self._bedrock = bedrock
        self._concurrent_calls = concurrent_calls
        self._pace = pace

    def embed(
        self, context: Context, texts: list[str], *, kind: Kind = "search_document", normalize: bool = True
    ) -> Vectors:
        """The texts' vectors, of length 1 with `normalize`. Raises `ModelFailed`, and `InvalidRequest` for dimensions
        that the model does not have."""
        model = self.invocation.model
        if self.dimensions not in model.dimensions:
            offered = ", ".join(map(str, model.dimensions))
            raise InvalidRequest.at("body.dimensions", f"{model.name} gives {offered} only")
        family = FAMILIES[self.invocation.model.family]
        vectors, tokens, total = family(self, context, texts, kind, normalize)
        if len(vectors) != len(texts) or any(len(vector) != self.dimensions for vector in vectors):
            raise ModelFailed("The model's answer has not the vectors that were asked for.")
        context.used(self.invocation).input_tokens += total
        return [_normalized(vector) for vector in vectors] if normalize else vectors, tokens, total

    def _titan(self, context: Context, texts: list[str], _kind: Kind, normalize: bool) -> Vectors:
        def one(text: str) -> dict[str, Any]:
            request = {"inputText": text, "dimensions": self.dimensions, "normalize": normalize}
            return dict(self._invoke(context, request)[0])

        with ThreadPoolExecutor(max_workers=min(self._concurrent_calls, len(texts))) as pool:
            futures = [pool.submit(one, text) for text in texts]
            try:
                answers = [future.result() for future in futures]
            except BaseException:
                pool.shutdown(cancel_futures=True)  # one failure is the request's: do not pay for the rest
                raise
        tokens: list[int | None] = [answer["inputTextTokenCount"] for answer in answers]
        return [answer["embedding"] for answer in answers], tokens, sum(filter(None, tokens))

    def _cohere(self, context: Context, texts: list[str], kind: Kind, _normalize: bool) -> Vectors:
        vectors: list[Vector] = []
        total = 0
        for start in range(0, len(texts), COHERE_BATCH):
            request = {"texts": texts[start : start + COHERE_BATCH], "input_type": kind, "truncate": "NONE"}
            answer, tokens = self._invoke(context, request)
            vectors += answer["embeddings"]
            total += tokens
        # Cohere counts tokens for a batch; alone, a text is the batch.
        return vectors, [total] if len(texts) == 1 else [None] * len(texts), total

    def _invoke(self, context: Context, request: dict[str, Any]) -> tuple[Any, int]:
        self._pace()
        return self._bedrock.invoke(context, self.invocation, request)


FAMILIES: dict[str, Callable[..., Vectors]] = {"titan-embed": Embedder._titan, "cohere-embed": Embedder._cohere}


def _normalized(vector: Vector) -> Vector:
    length = math.hypot(*vector)
    return [value / length for value in vector] if length else vector
