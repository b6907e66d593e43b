"""Searches against the fake API."""

from typing import Any

import pytest

from bedrock_endpoints import errors
from bedrock_endpoints.langchain import BedrockEndpointsRetriever
from clients.tests.fake import FakeApis


async def test_passages_have_the_metadata_of_a_citation(apis: FakeApis, options: Any) -> None:
    retriever = BedrockEndpointsRetriever(**options("hr-qa"), limit=2, documents=["d-7"])

    for passages in (retriever.invoke("who?"), await retriever.ainvoke("who?")):
        assert [passage.page_content for passage in passages] == ["Part 0", "Part 1"]
        assert passages[1].metadata == {
            "documentId": "d-7", "document": "Rules", "contentType": "application/pdf", "page": 2, "section": "Leave",
            "score": 0.5,
        }  # fmt: skip
    assert apis.bodies() == [{"query": "who?", "limit": 2, "documents": ["d-7"]}] * 2


async def test_a_calls_arguments_take_precedence(apis: FakeApis, options: Any) -> None:
    retriever = BedrockEndpointsRetriever(**options("hr-qa"), documents=["d-7"])

    retriever.invoke("who?", limit=3, documents=["d-8"])
    await retriever.ainvoke("who?", limit=4)

    assert apis.bodies() == [
        {"query": "who?", "limit": 3, "documents": ["d-8"]},
        {"query": "who?", "limit": 4, "documents": ["d-7"]},
    ]


def test_all_documents_are_searched_by_default(apis: FakeApis, options: Any) -> None:
    BedrockEndpointsRetriever(**options("hr-qa")).invoke("who?")

    assert apis.bodies() == [{"query": "who?", "limit": 10}]


def test_a_search_is_limited_to_spaces(apis: FakeApis, options: Any) -> None:
    BedrockEndpointsRetriever(**options("hr-qa"), spaces=["own", "handbooks"]).invoke("who?")

    assert apis.bodies() == [{"query": "who?", "limit": 10, "spaces": ["own", "handbooks"]}]


def test_an_empty_list_of_documents_is_rejected(options: Any) -> None:
    with pytest.raises(errors.InvalidRequest):
        BedrockEndpointsRetriever(**options("hr-qa"), documents=[]).invoke("who?")


@pytest.mark.parametrize("limit", [0, 51])
def test_a_limit_out_of_range(limit: int) -> None:
    with pytest.raises(ValueError, match="limit"):
        BedrockEndpointsRetriever(stage="dev", limit=limit)
