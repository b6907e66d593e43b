"""`python -m dev.credit_model [FILE]`: trains the credit risk models; `--accept` checks them on their test sets."""

import argparse
import sys
from pathlib import Path

from dev.credit_model import acceptance
from dev.credit_model.training import SAMPLE_DATA, SAMPLE_MODELS, open_loans, train_both
from dev.local.paths import ROOT
from lambda_src.credit_risk.model import Model, encode
from lambda_src.credit_risk.training.evaluation import measure, periods
from lambda_src.credit_risk.training.reading import LoanFile
from lambda_src.credit_risk.training.settings import TrainingError

OUTPUT = ROOT / ".local" / "credit-model"


def main() -> int:
    """Returns the exit code: 0, or 1 when the data make no model or, with `--accept`, a line does not hold."""
    options = _parser().parse_args()
    try:
        file = open_loans(options.file)
        later = open_loans(options.later) if options.later else None
        models = dict(train_both(file, sample=options.file.resolve() == SAMPLE_DATA))
    except (TrainingError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    _print_rejections(file)
    for name, model in models.items():
        print(f"\n{name}: {model.name}")
        _print_figures(model, later)
    if options.accept:
        return _print_acceptance(models["champion"])
    folder = options.output or (SAMPLE_MODELS if models["champion"].sample else OUTPUT)
    folder.mkdir(parents=True, exist_ok=True)
    print()
    for name, model in models.items():
        path = folder / f"{name}.json"
        path.write_bytes(encode(model))
        print(f"written: {path}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dev.credit_model", description=__doc__)
    parser.add_argument("file", type=Path, nargs="?", default=SAMPLE_DATA, help="loans: CSV or CSV.gz")
    parser.add_argument("later", type=Path, nargs="?", help="loans of later years, which are only measured")
    parser.add_argument("--output", type=Path, help="the folder for champion.json and challenger.json")
    parser.add_argument("--accept", action="store_true", help="write nothing; check the champion's figures")
    return parser


def _print_rejections(file: LoanFile) -> None:
    print(f"{file.rows:,} rows, {len(file.loans):,} loans")
    for rejection in file.rejections:
        places = ", ".join(map(str, rejection.lines))
        print(f"  {rejection.count:,} rejected: {rejection.reason} (lines {places})")


def _print_figures(model: Model, later: LoanFile | None) -> None:
    print(acceptance.table(model, measure(model, later.loans, "later") if later else None))
    print(acceptance.period_table(model.performance.periods if model.performance else []))
    if later:
        print(acceptance.period_table(periods(model, later.loans)))


def _print_acceptance(model: Model) -> int:
    lines = acceptance.lines(model)
    print()
    for line in lines:
        print(f"{'ok  ' if line.holds else 'FAIL'} {line.text}: {line.value}")
    return 0 if all(line.holds for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
