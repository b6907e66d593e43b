"""Embeddings over the embeddings API."""

import json
from collections.abc import Iterator
from functools import cached_property
from typing import Literal

from langchain_core.embeddings import Embeddings

from bedrock_endpoints.langchain._api import Api, Endpoint, Request, Steps

# The API's limits; a request body may have 5.8 MB.
MAX_TEXTS = 96
MAX_BYTES = 5_500_000


class BedrockEndpointsEmbeddings(Endpoint, Embeddings):
    """Vectors of any number of texts (each 1-50,000 characters), in their order."""

    model: str | None = None
    """A model that the stage offers. Default: the stage's first."""

    dimensions: Literal[1024, 512, 256] = 1024

    normalize: bool = True
    """Whether vectors have length 1, so that their dot product is the cosine."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return self._api.run(self._embed(texts))

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        return await self._api.arun(self._embed(texts))

    async def aembed_query(self, text: str) -> list[float]:
        return (await self.aembed_documents([text]))[0]

    def _embed(self, texts: list[str]) -> Steps[list[list[float]]]:
        vectors: list[list[float]] = []
        for batch in _batches(texts):
            body = {"texts": batch, "dimensions": self.dimensions, "normalize": self.normalize}
            response = yield Request("POST", "/embeddings", {**body, **({"model": self.model} if self.model else {})})
            items = sorted(response["items"], key=lambda item: item["index"])
            vectors += [[float(number) for number in item["vector"]] for item in items]
        return vectors

    @cached_property
    def _api(self) -> Api:
        return Api(self, "embeddings")


def _batches(texts: list[str]) -> Iterator[list[str]]:
    """As many texts as a request may have. A text over the limit is sent alone, so that only its request fails."""
    batch: list[str] = []
    batch_size = 0
    for text in texts:
        size = len(json.dumps(text, ensure_ascii=False).encode()) + 1
        if batch and (len(batch) == MAX_TEXTS or batch_size + size > MAX_BYTES):
            yield batch
            batch, batch_size = [], 0
        batch.append(text)
        batch_size += size
    if batch:
        yield batch
