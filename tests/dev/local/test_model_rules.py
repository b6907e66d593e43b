"""The stand-in refuses what Bedrock's models refuse, and thinks as they do."""

import json
from pathlib import Path
from typing import Any

import pytest

from dev.local import catalog
from dev.local.model_rules import THOUGHTS, refusal, thoughts

HAIKU, OLDER_HAIKU = "anthropic.claude-haiku-5-5", "anthropic.claude-haiku-4-5-20251001-v1:0"
SONNET, NOVA, GPT = "anthropic.claude-sonnet-5-5", "amazon.nova-2-lite-v1:0", "openai.gpt-oss-20b-1:0"


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    target = tmp_path_factory.mktemp("catalog") / "catalog.json"
    catalog.write(target)
    exported: dict[str, dict[str, Any]] = json.loads(Path(target).read_text("utf-8"))
    return exported


SCHEMA = {"outputConfig": {"textFormat": {"type": "json_schema"}}}
FORCED = {"toolConfig": {"tools": [], "toolChoice": {"tool": {"name": "answer"}}}}
BOTH = {"inferenceConfig": {"temperature": 0.1, "topP": 0.5}}


@pytest.mark.parametrize(
    ("model", "request_fields", "refused"),
    [
        (HAIKU, {"inferenceConfig": {"maxTokens": 5}}, False),
        (HAIKU, {"inferenceConfig": {"temperature": 0.1}}, True),
        (HAIKU, {"additionalModelRequestFields": {"top_k": 5}}, True),
        (HAIKU, SCHEMA, True),
        (HAIKU, FORCED, False),
        (SONNET, FORCED, True),
        (OLDER_HAIKU, BOTH, True),
        (OLDER_HAIKU, {"inferenceConfig": {"temperature": 0.1}}, False),
        (OLDER_HAIKU, SCHEMA, False),
        (NOVA, BOTH, False),
        (NOVA, {"additionalModelRequestFields": {"inferenceConfig": {"topK": 5}}}, False),
    ],
)
def test_a_model_refuses_what_its_row_says(
    rows: dict[str, dict[str, Any]], model: str, request_fields: dict[str, Any], refused: bool
) -> None:
    assert (refusal(model, rows[model], request_fields) is not None) == refused


@pytest.mark.parametrize(
    ("model", "fields", "tokens"),
    [
        (HAIKU, {}, THOUGHTS),
        (HAIKU, {"thinking": {"type": "disabled"}}, 0),
        (GPT, {"reasoning_effort": "low"}, THOUGHTS),
        (OLDER_HAIKU, {}, 0),
    ],
)
def test_thoughts_use_up_tokens_unless_they_are_turned_off(
    rows: dict[str, dict[str, Any]], model: str, fields: dict[str, Any], tokens: int
) -> None:
    assert thoughts(rows[model], {"additionalModelRequestFields": fields}) == tokens
