"""The command prints one diff, and changes the file only if asked."""

import pytest

from dev.tools.catalog import document
from tests.dev.tools.catalog.conftest import Case
from tests.dev.tools.catalog.test_refresh import EAST, TITAN, summary


def test_no_difference(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    before = case.file.read_text("utf-8")

    assert case.run("--write") == 0
    assert capsys.readouterr().out == "\nNames in the price lists without a row:\n  Ray v2\n"
    assert case.file.read_text("utf-8") == before


def test_differences_are_a_diff_of_the_file(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    before = case.file.read_text("utf-8")
    with case.edit(EAST) as answer:
        answer["modelSummaries"].remove(summary(answer, TITAN))

    assert case.run("--read", "2026-11-24") == 1
    diff, _, notes = capsys.readouterr().out.partition("\n\n")
    lines = diff.splitlines()
    assert lines[:2] == ["--- a/lambda_src/shared/models.json", "+++ b/lambda_src/shared/models.json"]
    source = '{"title": "ListFoundationModels", "read": "2026-11-24", "regions": ["eu-west-1", "us-east-1"]}'
    assert [line for line in lines[2:] if line[0] in "+-"] == [
        f'+  "foundation-models-2026-11-24": {source},',
        '-   "sources": {"limits": "cards", "lifecycle": "cards", "regions": "lists", "prices": "price-file"},',
        '-   "regions": ["eu-west-1", "us-east-1"],',
        '+   "sources": {"limits": "cards", "lifecycle": "cards", "regions": "foundation-models-2026-11-24", '
        '"prices": "price-file"},',
        '+   "regions": ["eu-west-1"],',
    ]
    assert notes == "Names in the price lists without a row:\n  Ray v2\n"
    assert case.file.read_text("utf-8") == before


def test_written_differences_are_none_afterwards(case: Case) -> None:
    with case.edit(EAST) as answer:
        answer["modelSummaries"].remove(summary(answer, TITAN))

    assert case.run("--write") == 1
    assert document.read(case.file)["models"][TITAN]["regions"] == ["eu-west-1"]
    assert case.run() == 0


def test_a_source_that_no_row_names_is_dropped(case: Case) -> None:
    assert case.run("--write", "--confirm", "--read", "2026-11-20") == 1
    assert case.run("--write", "--confirm", "--read", "2026-11-24") == 1

    assert [*document.read(case.file)["sources"]] == [
        "cards",
        "foundation-models-2026-11-24",
        "inference-profiles-2026-11-24",
        "lists",
        "price-lists-2026-11-24",
    ]
    assert case.run("--confirm", "--read", "2026-11-24") == 0


def test_an_invalid_option_or_file_is_exit_code_2(case: Case) -> None:
    with pytest.raises(SystemExit) as exit_:
        case.run("--read", "today")
    assert exit_.value.code == 2
    case.only()
    assert case.run("--write") == 2
