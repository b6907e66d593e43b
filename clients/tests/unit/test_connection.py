"""Where the API is found, and as whom it is called."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from fake import Answer, FakeApis, Received

from langchain_bedrock_endpoints import BedrockEndpointsRetriever, ChatBedrockEndpoints, ConversationHistory
from langchain_bedrock_endpoints._connection import Endpoint, Signature, connect
from langchain_bedrock_endpoints.errors import ConfigurationError


def parameters(apis: FakeApis, known: dict[str, str]) -> Any:
    """An SSM that knows these."""

    def answer(_: FakeApis, request: Received) -> Answer:
        name = request.body["Name"]
        if name not in known:
            return Answer(400, {"__type": "ParameterNotFound"})
        return Answer(200, {"Parameter": {"Name": name, "Value": known[name]}})

    return answer


class TestTheAddress:
    def test_of_the_local_stage_is_in_a_file_here_or_above(
        self, apis: FakeApis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / ".local").mkdir()
        outputs = {"bedrock-endpoints-local-hr-qa": {"Url": apis.url("hr-qa")}}
        (tmp_path / ".local/outputs.json").write_text(json.dumps(outputs))
        (tmp_path / "notebooks").mkdir()
        monkeypatch.chdir(tmp_path / "notebooks")

        assert BedrockEndpointsRetriever(stage="local", region_name="us-west-2").invoke("who")
        with pytest.raises(ConfigurationError, match="is chatbot deployed"):
            ConversationHistory("c-1", stage="local").clear()

    def test_of_the_local_stage_that_is_not_there(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)

        with pytest.raises(ConfigurationError, match="make local"):
            ChatBedrockEndpoints(stage="local").invoke("a")

    def test_of_another_stage_is_a_parameter(self, apis: FakeApis, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", apis.address)
        monkeypatch.setenv("BEDROCK_ENDPOINTS_STAGE", "dev")
        monkeypatch.setenv("AWS_REGION", "eu-west-1")
        apis.planned.append(parameters(apis, {"/bedrock-endpoints/dev/playground/url": apis.url("playground")}))

        ChatBedrockEndpoints().invoke("a")

        asked, called = apis.received
        assert asked.headers["X-Amz-Target"] == "AmazonSSM.GetParameter"
        assert "/eu-west-1/execute-api/" in called.headers["Authorization"]

    def test_of_a_stage_that_is_not_there(self, apis: FakeApis, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", apis.address)
        apis.planned.append(parameters(apis, {}))

        with pytest.raises(ConfigurationError, match="no parameter /bedrock-endpoints/prod/playground/url"):
            ChatBedrockEndpoints(stage="prod", region_name="us-west-2").invoke("a")

    def test_that_nobody_gave(self) -> None:
        with pytest.raises(ConfigurationError, match="BEDROCK_ENDPOINTS_STAGE"):
            ChatBedrockEndpoints().invoke("a")

    def test_in_clear_text_is_for_this_machine_only(self) -> None:
        with pytest.raises(ConfigurationError, match="not an HTTPS address"):
            ChatBedrockEndpoints(base_url="http://api.example/", region_name="us-west-2").invoke("a")


class TestTheCaller:
    async def test_signs_each_request_by_default(
        self, apis: FakeApis, options: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_SESSION_TOKEN", "session")
        chat = ChatBedrockEndpoints(**options("playground"))

        chat.invoke("a")
        await chat.ainvoke("a")

        for request in apis.received:
            said = request.headers["Authorization"]
            assert said.startswith("AWS4-HMAC-SHA256 Credential=AKIATEST/")
            assert "/us-west-2/execute-api/aws4_request" in said
            assert "SignedHeaders=content-type;host;idempotency-key;x-amz-date;x-amz-security-token" in said
            assert request.headers["X-Amz-Security-Token"] == "session"

    def test_signs_for_the_region_of_the_address(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        address = "https://abc.execute-api.ap-south-1.amazonaws.com/dev/"

        for given, region in ((None, "ap-south-1"), ("sa-east-1", "sa-east-1")):
            signature = connect(Endpoint(base_url=address, region_name=given), "playground").auth
            assert isinstance(signature, Signature)
            assert signature._region == region

    def test_of_which_nothing_is_known(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

        with pytest.raises(ConfigurationError, match="BEDROCK_ENDPOINTS_TOKEN"):
            ChatBedrockEndpoints(base_url="https://api.example/", region_name="us-west-2").invoke("a")

    def test_whose_profile_is_not_there(self) -> None:
        with pytest.raises(ConfigurationError, match="nowhere"):
            ChatBedrockEndpoints(base_url="https://api.example/", credentials_profile_name="nowhere").invoke("a")

    def test_of_no_region(self) -> None:
        with pytest.raises(ConfigurationError, match="AWS_REGION"):
            ChatBedrockEndpoints(base_url="https://api.example/").invoke("a")

    async def test_with_a_token_shows_it_and_may_renew_it(self, apis: FakeApis, options: Any) -> None:
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

    def test_keeps_a_token_to_itself(self, options: Any) -> None:
        assert "hidden" not in repr(ChatBedrockEndpoints(**options("playground"), token="hidden"))


def test_the_bundle_of_authorities_is_that_of_awss_tools(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "none.pem"))

    with pytest.raises(ConfigurationError, match="AWS_CA_BUNDLE"):
        connect(Endpoint(base_url="https://api.example/", region_name="us-west-2"), "playground")
    monkeypatch.setenv("AWS_CA_BUNDLE", os.environ.get("SSL_CERT_FILE") or _certifi())
    assert connect(Endpoint(base_url="https://api.example/", region_name="us-west-2"), "playground").trust


def _certifi() -> str:
    import certifi

    return certifi.where()
