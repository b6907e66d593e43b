"""The models in the repository are those of the data in it, and the engine scores as their trainer does."""

from typing import Any

import numpy as np
import pytest

from dev.credit_model.training import SAMPLE_DATA, open_loans, train_both
from lambda_src.credit_risk.characteristics import CHARACTERISTICS
from lambda_src.credit_risk.model import encode
from lambda_src.credit_risk.sample_models import Name, read
from lambda_src.credit_risk.scorecard import parse
from lambda_src.credit_risk.training.columns import from_month
from lambda_src.credit_risk.training.loans import Loans
from lambda_src.credit_risk.training.predictions import predict
from lambda_src.credit_risk.training.reading import LoanFile

NAMES: tuple[Name, ...] = ("champion", "challenger")


@pytest.fixture(scope="module")
def file() -> LoanFile:
    return open_loans(SAMPLE_DATA)


def test_training_again_gives_the_same_bytes(file: LoanFile) -> None:
    for name, model in train_both(file, sample=True):
        assert encode(model) == read(name), "run `make credit-model`"


@pytest.mark.parametrize("name", NAMES)
def test_the_engine_scores_every_loan_as_the_trainer_does(file: LoanFile, name: Name) -> None:
    scorecard = parse(read(name))
    loans = file.loans
    predictions = predict(scorecard.model, loans)

    results = [
        scorecard.score(values, month)
        for values, month in zip(applications(loans), map(from_month, loans.issued.tolist()), strict=True)
    ]

    assert [result.score for result in results] == predictions.scores.tolist()
    for index, characteristic in enumerate(scorecard.model.card.characteristics):
        classes = [result.points[index].index for result in results]
        assert classes == predictions.classes[characteristic.name].tolist()
    for values, of_engine in (
        (predictions.defaults, [result.probability_of_default for result in results]),
        (predictions.losses_given_default, [result.loss_given_default for result in results]),
        (predictions.conversion, [result.credit_conversion_factor for result in results]),
        (predictions.loss_rates, [result.expected_loss_rate for result in results]),
    ):
        assert np.abs(values - np.array(of_engine)).max() < 1e-12


@pytest.mark.parametrize("name", NAMES)
def test_the_models_are_marked_as_samples(name: Name) -> None:
    model = parse(read(name)).model

    assert model.sample
    assert len(read(name)) < 25_000
    used = {characteristic.name for characteristic in model.card.characteristics}
    assert ({"grade", "interestRate"} <= used) == (name == "champion")


def applications(loans: Loans) -> list[dict[str, Any]]:
    """The loans as the engine gets them."""
    columns: dict[str, list[Any]] = {}
    for name in CHARACTERISTICS:
        if name in loans.categories:
            categories = [*loans.names[name], None]
            columns[name] = [categories[code] for code in loans.categories[name].tolist()]
        elif name == "earliestCreditLine" and name in loans.numbers:
            columns[name] = [
                None if months != months else from_month(issued - int(months))
                for months, issued in zip(loans.numbers[name].tolist(), loans.issued.tolist(), strict=True)
            ]
        elif name in loans.numbers:
            columns[name] = [None if value != value else value for value in loans.numbers[name].tolist()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
