"""The documentation's examples, run from top to bottom against the fake."""

import json
import re
from pathlib import Path

import pytest
from fake import ADDRESSES, Answer, FakeApis, Received, error

from langchain_bedrock_endpoints import errors

PACKAGE = Path(__file__).parents[2]
PAGE = (PACKAGE.parent / "docs" / "clients.md").read_text("utf-8")


def careful(apis: FakeApis, request: Received) -> Answer:
    """A guardrail, for the last example."""
    return error(422, "refused") if "4111111111111111" in str(request.body) else apis.answer(request)


def test_the_examples_run(
    apis: FakeApis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    (tmp_path / ".local").mkdir()
    outputs = {f"bedrock-endpoints-local-{name}": {"Url": apis.url(name)} for name in ADDRESSES}
    (tmp_path / ".local/outputs.json").write_text(json.dumps(outputs))
    apis.planned += [careful] * 100

    exec("\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)), {"__name__": "example"})  # noqa: S102 (ours)

    shown = capsys.readouterr().out
    assert "Rules, page 1: Part 0" in shown
    assert "My name is Ana." in shown
    assert "It is refused. r-error" in shown


def test_every_error_is_in_the_documentation() -> None:
    for code, kind in errors.CODES.items():
        assert re.search(rf"\|[^|]*`{code}`[^|]*\|[^|]*`{kind.__name__}`", PAGE), code


def test_the_licence_is_the_projects() -> None:
    assert (PACKAGE / "LICENSE").read_bytes() == (PACKAGE.parent / "LICENSE").read_bytes()
