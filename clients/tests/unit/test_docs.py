"""The examples in the documentation, run from top to bottom against the fake APIs."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bedrock_endpoints import errors
from clients.tests.fake import ADDRESSES, FakeApis, Received, Response, error

PACKAGE = Path(__file__).parents[2]
PAGE = (PACKAGE.parent / "docs" / "how-to" / "use-the-client.md").read_text("utf-8")
README = (PACKAGE / "README.md").read_text("utf-8")


def guardrail(apis: FakeApis, request: Received) -> Response:
    """Refuses the last example's prompt."""
    return error(422, "refused") if "4111111111111111" in str(request.body) else apis.respond(request)


def run_examples(page: str) -> None:
    exec("\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL)), {"__name__": "example"})  # noqa: S102 (ours)


def test_the_examples_run(
    apis: FakeApis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    (tmp_path / ".local").mkdir()
    outputs = {f"bedrock-endpoints-local-{name}": {"Url": apis.url(name)} for name in ADDRESSES}
    (tmp_path / ".local/outputs.json").write_text(json.dumps(outputs))
    apis.planned += [guardrail] * 100

    run_examples(PAGE)

    output = capsys.readouterr().out
    assert "delta Water" in output
    assert "completion Water is lifted by it." in output
    assert "How long is maternity leave? And for fathers? 20 days." in output
    assert "Rules, page 1: Part 0" in output
    assert "My name is Ana." in output
    assert "It is refused. r-error" in output


def test_the_readmes_examples_run(
    apis: FakeApis, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def parameter(_: FakeApis, request: Received) -> Response:
        name = request.body["Names"][0]
        assert name == "/bedrock-endpoints/dev/playground/url"
        return Response(200, {"Parameters": [{"Name": name, "Value": apis.url("playground")}]})

    monkeypatch.setenv("AWS_REGION", "us-west-2")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", apis.address)
    apis.planned += [parameter, None] * 3

    run_examples(README)

    assert capsys.readouterr().out == "Water is lifted by it.\n" * 3


def test_langchain_is_needed_for_its_classes_only() -> None:
    code = "import sys, bedrock_endpoints; sys.exit('langchain_core' in sys.modules or 'pydantic' in sys.modules)"

    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_error_is_documented() -> None:
    for code, error_class in errors.CODES.items():
        assert re.search(rf"\|[^|]*`{code}`[^|]*\|[^|]*`{error_class.__name__}`", PAGE), code


def test_the_license_is_the_projects() -> None:
    assert (PACKAGE / "LICENSE").read_bytes() == (PACKAGE.parent / "LICENSE").read_bytes()
