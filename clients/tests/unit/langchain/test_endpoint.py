"""The options that the LangChain classes share."""

import json
from pathlib import Path
from typing import Any

import pytest

from bedrock_endpoints.errors import ConfigurationError
from bedrock_endpoints.langchain import BedrockEndpointsRetriever, ChatBedrockEndpoints, ConversationHistory
from clients.tests.fake import FakeApis


def test_a_stage_is_found_with_the_first_request(
    apis: FakeApis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    retriever = BedrockEndpointsRetriever(stage="local", region_name="us-west-2")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="make local"):
        retriever.invoke("who")
    (tmp_path / ".local").mkdir()
    outputs = {"bedrock-endpoints-local-hr-qa": {"Url": apis.url("hr-qa")}}
    (tmp_path / ".local/outputs.json").write_text(json.dumps(outputs))

    assert retriever.invoke("who")
    with pytest.raises(ConfigurationError, match="is chatbot deployed"):
        ConversationHistory("c-1", stage="local").clear()


def test_a_stage_or_a_base_url_is_needed() -> None:
    with pytest.raises(ConfigurationError, match="BEDROCK_ENDPOINTS_STAGE"):
        ChatBedrockEndpoints().invoke("a")


def test_the_profile_is_used() -> None:
    with pytest.raises(ConfigurationError, match="nowhere"):
        ChatBedrockEndpoints(base_url="https://api.example/", credentials_profile_name="nowhere").invoke("a")


async def test_requests_are_signed_for_the_region(apis: FakeApis, options: Any) -> None:
    chat = ChatBedrockEndpoints(**{**options("playground"), "region_name": "sa-east-1"})

    chat.invoke("a")
    await chat.ainvoke("a")

    for request in apis.received:
        assert "/sa-east-1/execute-api/aws4_request" in request.headers["Authorization"]


async def test_a_token_may_be_renewed(apis: FakeApis, options: Any) -> None:
    tokens = iter(("one", "two"))
    chat = ChatBedrockEndpoints(**options("playground"), token=lambda: next(tokens))

    chat.invoke("a")
    await chat.ainvoke("a")
    ConversationHistory("c-1", **options("chatbot"), token="three").clear()

    assert [request.headers["Authorization"] for request in apis.received] == [
        "Bearer one",
        "Bearer two",
        "Bearer three",
    ]


def test_a_token_is_not_shown(options: Any) -> None:
    assert "hidden" not in repr(ChatBedrockEndpoints(**options("playground"), token="hidden"))
