"""Trains both models of a file of loans."""

from collections.abc import Iterator
from pathlib import Path

from dev.local.paths import ROOT
from lambda_src.credit_risk.model import Model
from lambda_src.credit_risk.sample_models import Name
from lambda_src.credit_risk.training.reading import LoanFile, read
from lambda_src.credit_risk.training.settings import TrainingSettings
from lambda_src.credit_risk.training.trainer import train

SAMPLE_DATA = ROOT / "samples" / "credit-risk" / "loans-synthetic.csv.gz"
SAMPLE_MODELS = ROOT / "lambda_src" / "credit_risk" / "sample_models"
# The lender's own verdict on a loan, which no lender has before its decision.
PRICING = ("interestRate", "grade")
_TITLES: dict[Name, str] = {"champion": "with grade and interest rate", "challenger": "without grade and interest rate"}


def open_loans(path: Path) -> LoanFile:
    """Reads a file of loans. Raises `OSError` and `TrainingError`."""
    with path.open("rb") as file:
        return read(file)


def train_both(file: LoanFile, *, sample: bool) -> Iterator[tuple[Name, Model]]:
    """Trains the champion and the challenger. Raises `TrainingError`."""
    origin = "Sample scorecard" if sample else "Scorecard"
    for name, title in _TITLES.items():
        exclude = PRICING if name == "challenger" else ()
        yield name, train(file, TrainingSettings(name=f"{origin} {title}", sample=sample, exclude=exclude))
