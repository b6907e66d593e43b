"""Embeddings over the embeddings API."""

import json
from collections.abc import Iterator
from functools import cached_property
from typing import Literal

from langchain_core.embeddings import Embeddings

from langchain_bedrock_endpoints._api import Api, Request, Steps
from langchain_bedrock_endpoints._connection import Endpoint

# The API's limits; its bodies may have 5.8 MB.
MAX_TEXTS = 96
MAX_BYTES = 5_500_000


class BedrockEndpointsEmbeddings(Endpoint, Embeddings):
    """Vectors of texts (each 1-50,000 characters), any number of them, in their order."""

    model: str | None = None
    """One that the stage offers. Default: the stage's first."""

    dimensions: Literal[1024, 512, 256] = 1024

    normalize: bool = True
    """Whether vectors have length 1, so that their dot product is the cosine."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return self._api.run(self._vectors(texts))

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        return await self._api.arun(self._vectors(texts))

    async def aembed_query(self, text: str) -> list[float]:
        return (await self.aembed_documents([text]))[0]

    def _vectors(self, texts: list[str]) -> Steps[list[list[float]]]:
        vectors: list[list[float]] = []
        for batch in _batches(texts):
            body = {"texts": batch, "dimensions": self.dimensions, "normalize": self.normalize}
            answer = yield Request("POST", "/embeddings", {**body, **({"model": self.model} if self.model else {})})
            items = sorted(answer["items"], key=lambda item: item["index"])
            vectors += [[float(number) for number in item["vector"]] for item in items]
        return vectors

    @cached_property
    def _api(self) -> Api:
        return Api(self, "embeddings")


def _batches(texts: list[str]) -> Iterator[list[str]]:
    """As many as a request takes. A text that is too large alone goes alone: the API says what is wrong with it."""
    batch: list[str] = []
    size = 0
    for text in texts:
        more = len(json.dumps(text, ensure_ascii=False).encode()) + 1
        if batch and (len(batch) == MAX_TEXTS or size + more > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += more
    if batch:
        yield batch
