import sys
from pathlib import Path

import pytest

from dev.credit_model.__main__ import main
from lambda_src.credit_risk.scorecard import parse
from tests.lambda_src.credit_risk.training.loan_files import csv_of, many


def run(monkeypatch: pytest.MonkeyPatch, *arguments: Path | str) -> int:
    monkeypatch.setattr(sys, "argv", ["credit_model", *map(str, arguments)])
    return main()


@pytest.fixture
def loans(tmp_path: Path) -> Path:
    path = tmp_path / "loans.csv"
    path.write_bytes(csv_of(*many(6_000), {**many(1)[0], "id": "7000", "dti": "x"}))
    return path


def test_both_models_are_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], loans: Path, tmp_path: Path
) -> None:
    assert run(monkeypatch, loans, "--output", tmp_path / "models") == 0

    models = [parse((tmp_path / "models" / f"{name}.json").read_bytes()).model for name in ("champion", "challenger")]
    assert [model.sample for model in models] == [False, False]
    assert "1 rejected: dti: is no number (lines 6002)" in capsys.readouterr().out


def test_acceptance_writes_nothing_and_fails_below_the_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], loans: Path, tmp_path: Path
) -> None:
    assert run(monkeypatch, loans, loans, "--accept", "--output", tmp_path / "models") == 1

    assert not (tmp_path / "models").exists()
    assert "FAIL holdout: AUROC >= 0.69" in capsys.readouterr().out


def test_data_that_make_no_model_are_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    empty = tmp_path / "empty.csv"
    empty.write_bytes(b"")

    assert run(monkeypatch, empty) == 1
    assert run(monkeypatch, tmp_path / "missing.csv") == 1
    assert "error: the file is empty" in capsys.readouterr().err
