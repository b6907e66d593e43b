"""Where the APIs are found, and how requests are authenticated."""

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import certifi
import httpx
import pytest

from bedrock_endpoints import AsyncClient, Client, Stage, find_stage, local_stage
from bedrock_endpoints.auth import Bearer, SigV4
from bedrock_endpoints.discovery import parse_exports
from bedrock_endpoints.errors import ConfigurationError, CredentialsError, NotDeployed
from clients.tests.fake import FakeApis, Received, Response

SEARCH = {"query": "who", "limit": 1}


def parameter_store(parameters: dict[str, str]) -> Callable[[FakeApis, Received], Response]:
    """A response of SSM."""

    def respond(_: FakeApis, request: Received) -> Response:
        known = [name for name in request.body["Names"] if name in parameters]
        return Response(200, {"Parameters": [{"Name": name, "Value": parameters[name]} for name in known]})

    return respond


def search(stage: Stage) -> Any:
    with Client(stage) as client:
        return client.request("hr-qa", "POST", "/searches", SEARCH)["items"]


async def search_both_ways(stage: Stage) -> None:
    await asyncio.to_thread(search, stage)
    async with AsyncClient(stage) as client:
        await client.request("hr-qa", "POST", "/searches", SEARCH)


def fake_stage(apis: FakeApis, **options: Any) -> Stage:
    return find_stage(base_urls={"hr-qa": apis.url("hr-qa")}, **{"region": "us-west-2", **options})


class TestUrl:
    def test_of_the_local_stage_is_in_a_file_here_or_above(
        self, apis: FakeApis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / ".local").mkdir()
        outputs = {"bedrock-endpoints-local-hr-qa": {"Url": apis.url("hr-qa")}}
        (tmp_path / ".local/outputs.json").write_text(json.dumps(outputs))
        (tmp_path / "notebooks").mkdir()
        monkeypatch.chdir(tmp_path / "notebooks")

        stage = find_stage("local", region="us-west-2")

        assert search(stage)
        with pytest.raises(NotDeployed, match="is chatbot deployed"):
            stage.url("chatbot")

    def test_of_the_local_stage_when_it_is_not_running(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)

        with pytest.raises(ConfigurationError, match="make local"):
            find_stage("local")

    def test_of_another_stage_is_a_parameter(self, apis: FakeApis, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", apis.address)
        monkeypatch.setenv("BEDROCK_ENDPOINTS_STAGE", "dev")
        monkeypatch.setenv("AWS_REGION", "eu-west-1")
        apis.planned.append(parameter_store({"/bedrock-endpoints/dev/hr-qa/url": apis.url("hr-qa")}))

        stage = find_stage()
        search(stage)
        search(stage)

        # The URL is looked up once.
        lookup, *searches = apis.received
        assert lookup.headers["X-Amz-Target"] == "AmazonSSM.GetParameters"
        assert len(searches) == 2
        for request in searches:
            assert "/eu-west-1/execute-api/" in request.headers["Authorization"]
        assert stage.region("hr-qa") == "eu-west-1"

    def test_for_a_token_is_that_of_the_api_for_tokens(self, apis: FakeApis, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", apis.address)
        urls = {name: f"{apis.address}/{name}" for name in ("url", "token-url")}
        both = {f"/bedrock-endpoints/dev/hr-qa/{name}": url for name, url in urls.items()}
        apis.planned.append(parameter_store(both))
        assert find_stage("dev", region="us-west-2", token="be_key").url("hr-qa") == urls["token-url"]

        # A stage with Cognito has one API, and its callers may be allowed to read one parameter only.
        main = parameter_store({"/bedrock-endpoints/dev/hr-qa/url": urls["url"]})
        for without in (main, Response(400, {"__type": "AccessDeniedException"})):
            apis.planned += [without, main]
            assert find_stage("dev", region="us-west-2", token="be_key").url("hr-qa") == urls["url"]

    def test_for_a_token_is_not_guessed_when_the_lookup_fails(
        self, apis: FakeApis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", apis.address)
        main = parameter_store({"/bedrock-endpoints/dev/hr-qa/url": f"{apis.address}/url"})
        apis.planned += [Response(400, {"__type": "ValidationException"}), main]

        with pytest.raises(ConfigurationError, match="token-url cannot be read"):
            find_stage("dev", region="us-west-2", token="be_key").url("hr-qa")

    def test_for_a_token_needs_credentials(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

        with pytest.raises(ConfigurationError, match="credentials"):
            find_stage("dev", region="us-west-2", token="be_key").url("hr-qa")

    def test_of_a_stage_that_is_not_deployed(self, apis: FakeApis, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", apis.address)
        apis.planned.append(parameter_store({}))

        with pytest.raises(NotDeployed, match="no parameter /bedrock-endpoints/prod/playground/url"):
            find_stage("prod", region="us-west-2").url("playground")

    def test_of_a_parameter_that_may_not_be_read(self, apis: FakeApis, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", apis.address)
        apis.planned.append(Response(400, {"__type": "AccessDeniedException"}))

        with pytest.raises(ConfigurationError, match="AccessDenied") as raised:
            find_stage("prod", region="us-west-2").url("playground")
        assert not isinstance(raised.value, NotDeployed)

    def test_needs_a_stage_or_a_base_url(self) -> None:
        with pytest.raises(ConfigurationError, match="BEDROCK_ENDPOINTS_STAGE"):
            find_stage()

    def test_is_missing_from_the_base_urls(self) -> None:
        stage = find_stage(base_urls={"chatbot": "https://api.example/"}, region="us-west-2")

        with pytest.raises(NotDeployed, match="hr-qa"):
            stage.url("hr-qa")

    def test_in_clear_text_is_for_this_machine_only(self) -> None:
        stage = find_stage(base_urls={"hr-qa": "http://api.example/"}, region="us-west-2")

        with pytest.raises(ConfigurationError, match="not an HTTPS address"):
            search(stage)


class TestAuthentication:
    async def test_requests_are_signed_by_default(self, apis: FakeApis, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_SESSION_TOKEN", "session")

        await search_both_ways(fake_stage(apis))

        assert len(apis.received) == 2
        for request in apis.received:
            authorization = request.headers["Authorization"]
            assert authorization.startswith("AWS4-HMAC-SHA256 Credential=AKIATEST/")
            assert "/us-west-2/execute-api/aws4_request" in authorization
            assert "SignedHeaders=content-type;host;idempotency-key;x-amz-date;x-amz-security-token" in authorization
            assert request.headers["X-Amz-Security-Token"] == "session"

    @pytest.mark.parametrize(
        ("host", "region", "signed"),
        [
            ("abc.execute-api.ap-south-1.amazonaws.com", None, "ap-south-1"),
            ("abc.execute-api.ap-south-1.amazonaws.com", "sa-east-1", "sa-east-1"),
            ("api.example", None, "us-east-1"),
        ],
    )
    def test_the_region_is_the_given_one_or_the_urls_or_the_configurations(
        self, monkeypatch: pytest.MonkeyPatch, host: str, region: str | None, signed: str
    ) -> None:
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        url = f"https://{host}/dev/"
        stage = find_stage(base_urls={"playground": url}, region=region)
        request = httpx.Request("GET", url)

        next(stage.auth.sync_auth_flow(request))

        assert isinstance(stage.auth, SigV4)
        assert f"/{signed}/execute-api/" in request.headers["Authorization"]

    async def test_without_credentials(self, apis: FakeApis, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

        with pytest.raises(CredentialsError, match="BEDROCK_ENDPOINTS_TOKEN"):
            search(fake_stage(apis))
        with pytest.raises(CredentialsError, match="BEDROCK_ENDPOINTS_TOKEN"):
            await search_both_ways(fake_stage(apis))
        assert apis.received == []

    def test_credentials_that_cannot_be_loaded(
        self, apis: FakeApis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        config = tmp_path / "config"
        config.write_text("[profile broken]\ncredential_process = false\n")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(config))

        with pytest.raises(CredentialsError, match="could not be loaded"):
            search(fake_stage(apis, profile="broken"))

    def test_an_unknown_profile(self) -> None:
        with pytest.raises(ConfigurationError, match="nowhere"):
            find_stage(base_urls={"hr-qa": "https://api.example/"}, profile="nowhere")

    def test_without_a_region(self) -> None:
        with pytest.raises(ConfigurationError, match="AWS_REGION"):
            search(find_stage(base_urls={"hr-qa": "https://api.example/"}))

    async def test_a_token_may_be_renewed(self, apis: FakeApis) -> None:
        tokens = iter(("one", "two"))

        await search_both_ways(fake_stage(apis, token=lambda: next(tokens)))
        search(fake_stage(apis, token="three"))

        assert [request.headers["Authorization"] for request in apis.received] == [
            "Bearer one",
            "Bearer two",
            "Bearer three",
        ]

    def test_the_token_of_the_environment(self, apis: FakeApis, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("BEDROCK_ENDPOINTS_TOKEN", "four")

        search(fake_stage(apis))

        assert apis.received[0].headers["Authorization"] == "Bearer four"


def test_the_ca_bundle_is_that_of_awss_tools(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    base_urls = {"hr-qa": "https://api.example/"}
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "none.pem"))
    with pytest.raises(ConfigurationError, match="AWS_CA_BUNDLE"):
        find_stage(base_urls=base_urls, region="us-west-2")

    monkeypatch.setenv("AWS_CA_BUNDLE", os.environ.get("SSL_CERT_FILE") or certifi.where())

    assert find_stage(base_urls=base_urls, region="us-west-2").ssl_context


class TestLocalStage:
    @pytest.fixture
    def folder(self, apis: FakeApis, tmp_path: Path) -> Path:
        outputs = {"bedrock-endpoints-local-hr-qa": {"Url": apis.url("hr-qa")}}
        callers = {"neighbour": {"accessKeyId": "AKIANEIGHBOUR", "secretAccessKey": "s"}}
        settings = {"AWS_REGION": "eu-north-1", "AWS_ACCESS_KEY_ID": "AKIALOCAL", "AWS_SECRET_ACCESS_KEY": "s"}
        (tmp_path / "outputs.json").write_text(json.dumps(outputs))
        (tmp_path / "callers.json").write_text(json.dumps(callers))
        (tmp_path / "env").write_text("".join(f"export {name}='{value}'\n" for name, value in settings.items()))
        return tmp_path

    @pytest.mark.parametrize(("caller", "key"), [(None, "AKIALOCAL"), ("neighbour", "AKIANEIGHBOUR")])
    def test_it_is_called_with_its_own_keys(self, apis: FakeApis, folder: Path, caller: str | None, key: str) -> None:
        stage = local_stage(folder, caller=caller)

        assert search(stage)
        assert f"Credential={key}/" in apis.received[0].headers["Authorization"]
        assert "/eu-north-1/execute-api/" in apis.received[0].headers["Authorization"]

    def test_the_machines_proxy_is_not_used(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

        assert search(local_stage(folder))

    def test_a_token_replaces_the_signature(self, folder: Path) -> None:
        assert isinstance(local_stage(folder, token="token").auth, Bearer)

    def test_it_is_not_running(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="make local"):
            local_stage(tmp_path)

    def test_an_unknown_caller(self, folder: Path) -> None:
        with pytest.raises(ConfigurationError, match="stranger"):
            local_stage(folder, caller="stranger")

    def test_exports_are_parsed_as_a_shell_does(self) -> None:
        script = "# note\nunset AWS_PROFILE\nexport A='it'\\''s'\nexport B=\"x\"\n"

        assert parse_exports(script) == {"A": "it's", "B": "x"}
