"""Saved outputs of Bedrock are compared with the catalog; the outputs are in `answers/`."""

from datetime import date
from pathlib import Path

import pytest

from dev.tools import catalog
from lambda_src.shared.catalog import MODELS

ANSWERS = Path(__file__).parent / "answers"
LISTED, SINGLE = ANSWERS / "list-foundation-models.json", ANSWERS / "get-foundation-model.json"
TODAY = date(2026, 11, 24)
ROWS = [model for model in MODELS if model.provider in ("Anthropic", "Amazon")]


def hunks(path: Path) -> dict[str, list[str]]:
    """Maps the heading of each hunk to its lines."""
    changes = [hunk.splitlines() for hunk in catalog.differences(catalog.read_listing(path), ROWS, TODAY)]
    return {head.strip("@ "): lines for head, *lines in changes}


def test_an_outdated_row_is_shown_with_its_update() -> None:
    assert hunks(LISTED)["anthropic.claude-haiku-4-5-20251001-v1:0"] == [
        '-lifecycle=Lifecycle("active", end_of_life_at="2026-10-01"),',
        '+lifecycle=Lifecycle("legacy", legacy_at="2026-11-01", end_of_life_at="2027-05-01"),',
    ]


def test_a_date_missing_in_bedrock_is_not_a_difference() -> None:
    assert not [head for head in hunks(LISTED) if "haiku-5-5" in head or "titan-embed" in head]


def test_only_models_of_known_families_are_proposed() -> None:
    assert {head: lines for head, lines in hunks(LISTED).items() if "no row" in head} == {
        "anthropic.claude-sonnet-9: no row": [
            '+id="anthropic.claude-sonnet-9",',
            '+name="Claude Sonnet 9",',
            '+lifecycle=Lifecycle("active", end_of_life_at="2028-01-01"),',
        ]
    }


def test_a_row_that_bedrock_no_longer_lists_is_shown_unless_it_has_ended() -> None:
    missing = [head for head in hunks(LISTED) if "not listed" in head]

    assert "amazon.nova-lite-v1:0: not listed in us-west-2" in missing  # by its profile
    assert "amazon.rerank-v1:0: not listed in us-west-2" in missing
    assert not [head for head in missing if "nova-canvas" in head or "claude-3-haiku" in head]


def test_outputs_for_single_models_do_not_affect_others() -> None:
    assert hunks(SINGLE) == {}


def test_an_ended_row_that_is_active_in_bedrock_is_a_difference(tmp_path: Path) -> None:
    path = tmp_path / "answer.json"
    path.write_text(SINGLE.read_text("utf-8").replace('"LEGACY", "endOfLifeTime": 1790726400.0', '"ACTIVE"'), "utf-8")

    assert hunks(path) == {
        "amazon.nova-canvas-v1:0": [
            '-lifecycle=Lifecycle("ended", end_of_life_at="2026-09-30"),',
            '+lifecycle=Lifecycle("active"),',
        ]
    }


def test_the_command_prints_one_diff(capsys: pytest.CaptureFixture[str]) -> None:
    assert catalog.main([str(LISTED)], TODAY) == 1

    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["--- lambda_src/shared/catalog.py", "+++ Bedrock, us-west-2"]
    assert all(line[0] in "@-+" for line in lines)


def test_the_command_prints_nothing_without_a_difference(capsys: pytest.CaptureFixture[str]) -> None:
    assert catalog.main([str(SINGLE)], TODAY) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON",
        "[]",
        "{}",
        "7",
        '["x"]',
        '{"modelSummaries": []}',
        '{"modelSummaries": [{"modelId": "x"}]}',
        '{"modelSummaries": [{"modelId": "x", "modelArn": "x", "modelLifecycle": {"status": "ACTIVE"}}]}',
        '[{"modelId": "x", "modelArn": "a:b:c:d", "modelLifecycle": {"status": "NEW"}}]',
        '[{"modelId": "x", "modelArn": "a:b:c:d", "modelLifecycle": {"status": "ACTIVE", "endOfLifeTime": "soon"}}]',
    ],
)
def test_an_invalid_file_is_reported(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "answer.json"
    path.write_text(text, "utf-8")

    assert catalog.main([str(path)], TODAY) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    assert catalog.main([str(tmp_path / "none.json")], TODAY) == 2
