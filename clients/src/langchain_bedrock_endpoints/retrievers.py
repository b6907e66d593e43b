"""A retriever over HR Q&A's searches."""

from functools import cached_property
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, Field

from langchain_bedrock_endpoints._api import Api, Request
from langchain_bedrock_endpoints._connection import Endpoint


class BedrockEndpointsRetriever(Endpoint, BaseRetriever):
    """Parts of the documents' pages that fit a question, best first.

    A part's `metadata` is what it takes to cite it: `documentId`, `document` (its name), `page` (counted from 1), and
    `score`, which compares with those of the same search only. `limit` and `documents` may also be given to `invoke`.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True, arbitrary_types_allowed=True)

    limit: int = Field(default=10, ge=1, le=50)
    """How many parts at most."""

    documents: list[str] | None = None
    """The ids of the documents to search. Default: all of them."""

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
        chosen = self.documents if documents is None else documents
        body = {"query": query, "limit": self.limit if limit is None else limit}
        # An empty list goes as it is: the API refuses it, where leaving it out would search everything.
        return Request("POST", "/searches", body if chosen is None else {**body, "documents": chosen})

    @cached_property
    def _api(self) -> Api:
        return Api(self, "hr-qa")


def _documents(answer: Any) -> list[Document]:
    cited = ("documentId", "document", "page", "score")
    return [
        Document(page_content=item["text"], metadata={name: item[name] for name in cited}) for item in answer["items"]
    ]
