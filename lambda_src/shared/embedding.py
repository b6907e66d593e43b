"""Embeds texts: one function per family of models, behind one call."""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

from lambda_src.shared.bedrock import Bedrock
from lambda_src.shared.catalog import Invocation
from lambda_src.shared.context import Context
from lambda_src.shared.errors import InvalidRequest, ModelFailed

# Titan takes one text per call, and its quota counts requests: no caller may use all of it.
CONCURRENT_CALLS = 8
# Cohere Embed's limit for one call.
COHERE_BATCH = 96

Vector = list[float]
# The vectors in the texts' order, the tokens of each text (None: unknown), and the total tokens.
Vectors = tuple[list[Vector], list[int | None], int]
# Cohere's input types. Titan does not distinguish them.
Purpose = Literal["search_document", "search_query"]


class Embedder:
    """Embeds with one model in one length of vectors.

    `rate_limiter` is called before each call to the model, and may wait. With `truncates`, the model embeds the start
    of a text with too many tokens, where it would refuse it otherwise.
    """

    def __init__(
        self,
        bedrock: Bedrock,
        invocation: Invocation,
        dimensions: int,
        *,
        concurrent_calls: int = CONCURRENT_CALLS,
        rate_limiter: Callable[[], None] = lambda: None,
        truncates: bool = False,
    ) -> None:
        self.invocation = invocation
        self.dimensions = dimensions
        self._bedrock = bedrock
        self._concurrent_calls = concurrent_calls
        self._rate_limiter = rate_limiter
        self._truncates = truncates

    def embed(
        self, context: Context, texts: list[str], *, purpose: Purpose = "search_document", normalize: bool = True
    ) -> Vectors:
        """The vectors, of length 1 with `normalize`.

        Raises `ModelFailed`, and `InvalidRequest` for dimensions that the model does not support.
        """
        model = self.invocation.model
        if self.dimensions not in model.dimensions:
            supported = ", ".join(map(str, model.dimensions))
            raise InvalidRequest.at("body.dimensions", f"{model.name} supports {supported} only")
        family = FAMILIES[model.family]
        vectors, tokens, total = family(self, context, texts, purpose, normalize)
        if len(vectors) != len(texts) or any(len(vector) != self.dimensions for vector in vectors):
            raise ModelFailed("The model's answer does not have the requested vectors.")
        return [_normalized(vector) for vector in vectors] if normalize else vectors, tokens, total

    def _titan(self, context: Context, texts: list[str], _purpose: Purpose, normalize: bool) -> Vectors:
        def embed_text(text: str) -> dict[str, Any]:
            request = {"inputText": text, "dimensions": self.dimensions, "normalize": normalize}
            answer = dict(self._invoke(context, request)[0])
            context.count_use(self.invocation, input_tokens=answer["inputTextTokenCount"] or 0)
            return answer

        with ThreadPoolExecutor(max_workers=min(self._concurrent_calls, len(texts))) as pool:
            futures = [pool.submit(embed_text, text) for text in texts]
            try:
                answers = [future.result() for future in futures]
            except BaseException:
                # One failure fails the request: the remaining calls would be paid for nothing.
                pool.shutdown(cancel_futures=True)
                raise
        tokens: list[int | None] = [answer["inputTextTokenCount"] for answer in answers]
        return [answer["embedding"] for answer in answers], tokens, sum(filter(None, tokens))

    def _cohere(self, context: Context, texts: list[str], purpose: Purpose, _normalize: bool) -> Vectors:
        vectors: list[Vector] = []
        total = 0
        for start in range(0, len(texts), COHERE_BATCH):
            truncate = "END" if self._truncates else "NONE"
            request = {"texts": texts[start : start + COHERE_BATCH], "input_type": purpose, "truncate": truncate}
            answer, tokens = self._invoke(context, request)
            context.count_use(self.invocation, input_tokens=tokens)
            vectors += answer["embeddings"]
            total += tokens
        # Cohere counts tokens per batch, so only a single text's are known.
        return vectors, [total] if len(texts) == 1 else [None] * len(texts), total

    def _invoke(self, context: Context, request: dict[str, Any]) -> tuple[Any, int]:
        self._rate_limiter()
        return self._bedrock.invoke(context, self.invocation, request)


FAMILIES: dict[str, Callable[..., Vectors]] = {"titan-embed": Embedder._titan, "cohere-embed": Embedder._cohere}


def _normalized(vector: Vector) -> Vector:
    length = math.hypot(*vector)
    return [value / length for value in vector] if length else vector
