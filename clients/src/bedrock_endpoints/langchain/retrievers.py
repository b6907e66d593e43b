"""A retriever over HR Q&A's searches."""

from functools import cached_property
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, Field

from bedrock_endpoints.langchain._api import Api, Endpoint, Request

METADATA = ("documentId", "document", "contentType", "page", "section", "score")


class BedrockEndpointsRetriever(Endpoint, BaseRetriever):
    """Passages of the documents that match a query, best first.

    The `metadata` of a passage is what a citation needs: `documentId`, `document` (its name), `contentType`, `page`
    (from 1), `section` where there are headings, and `score`, which is comparable within one search only. `limit` and
    `documents` may also be passed to `invoke`.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True, arbitrary_types_allowed=True)

    limit: int = Field(default=10, ge=1, le=50)
    """The maximum number of passages."""

    documents: list[str] | None = None
    """The ids of the documents to search. Default: all of them."""
    spaces: list[str] | None = None
    """The spaces to search; `own` is that of the caller's own documents. Default: all that the caller may read."""

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        limit: int | None = None,
        documents: list[str] | None = None,
    ) -> list[Document]:
        return _documents(self._api.call(self._search(query, limit, documents)))

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,
        limit: int | None = None,
        documents: list[str] | None = None,
    ) -> list[Document]:
        return _documents(await self._api.acall(self._search(query, limit, documents)))

    def _search(self, query: str, limit: int | None, documents: list[str] | None) -> Request:
        selected = self.documents if documents is None else documents
        body = {"query": query, "limit": self.limit if limit is None else limit}
        # An empty list is sent as it is: the API rejects it, while leaving it out would search all documents.
        limits = {"documents": selected, "spaces": self.spaces}
        return Request("POST", "/searches", {**body, **{name: v for name, v in limits.items() if v is not None}})

    @cached_property
    def _api(self) -> Api:
        return Api(self, "hr-qa")


def _documents(response: Any) -> list[Document]:
    return [
        Document(page_content=item["text"], metadata={name: item[name] for name in METADATA if name in item})
        for item in response["items"]
    ]
