"""Compares the credit risk trainer with optbinning and statsmodels: `make test-credit-peers [DATA=loans.csv.gz]`.

optbinning (Guillermo Navas-Palencia, Apache-2.0) and statsmodels (BSD-3-Clause) take 0.7 GB with what they need. They
have an environment of their own, locked in `requirements.txt` next to this file; the project installs neither.
"""

import os
import sys
from pathlib import Path

import numpy as np
import optbinning
import pandas as pd
import pytest
import statsmodels.api as sm
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from lambda_src.credit_risk.characteristics import CHARACTERISTICS
from lambda_src.credit_risk.model import Model
from lambda_src.credit_risk.training.loans import Loans
from lambda_src.credit_risk.training.predictions import class_numbers, predict
from lambda_src.credit_risk.training.reading import read
from lambda_src.credit_risk.training.regression import eliminate, fit
from lambda_src.credit_risk.training.settings import TrainingSettings
from lambda_src.credit_risk.training.trainer import default_test_from, split, train

SAMPLE = Path(__file__).parents[2] / "samples" / "credit-risk" / "loans-synthetic.csv.gz"
DATA = Path(os.environ.get("DATA") or SAMPLE)
with DATA.open("rb") as _file:
    FILE = read(_file)
TRAINING, HOLDOUT, OUT_OF_TIME = split(FILE.loans, default_test_from(FILE.loans))
CARDS = {"champion": (), "challenger": ("interestRate", "grade")}
MODELS = {name: train(FILE, TrainingSettings(name=name, exclude=exclude)) for name, exclude in CARDS.items()}


def weights(model: Model, loans: Loans) -> np.ndarray:
    """The weights of evidence of the card's classes; 0 for a missing value."""
    columns = []
    for entry in model.card.characteristics:
        goods = np.array([row.count - row.bads for row in entry.classes])
        bads = np.array([row.bads for row in entry.classes])
        table = np.append(np.log(goods / bads / (goods.sum() / bads.sum())), 0.0)
        columns.append(table[class_numbers(entry, loans)])
    return np.column_stack(columns)


@pytest.mark.parametrize("name", CARDS)
def test_coefficients_errors_and_p_values_are_those_of_statsmodels(name: str) -> None:
    model = MODELS[name]
    columns, good = weights(model, TRAINING), (~TRAINING.bad).astype(float)

    ours = fit("logistic", columns, good)
    theirs = sm.Logit(good, sm.add_constant(columns)).fit(disp=0, method="newton", tol=1e-12)

    assert np.abs(ours.coefficients - theirs.params).max() < 1e-6
    assert np.abs(ours.standard_errors - theirs.bse).max() < 1e-6
    assert np.abs(ours.p_values - theirs.pvalues).max() < 1e-6
    facts = [entry.facts for entry in model.card.characteristics]
    assert [fact.coefficient for fact in facts] == pytest.approx(list(theirs.params[1:]), abs=1e-6)
    assert [fact.standard_error for fact in facts] == pytest.approx(list(theirs.bse[1:]), abs=1e-6)
    assert [fact.p_value for fact in facts] == pytest.approx(list(theirs.pvalues[1:]), abs=1e-6)
    print(f"{name}: largest difference {np.abs(ours.coefficients - theirs.params).max():.1e}")


def test_linear_regressions_are_those_of_statsmodels() -> None:
    bad = TRAINING.only(TRAINING.bad)
    factors = bad.exposure / bad.amounts
    columns = np.column_stack((bad.amounts, bad.numbers["termMonths"], bad.numbers["interestRate"]))

    left, ours, _dropped = eliminate("linear", columns, factors, 1.0)
    theirs = sm.OLS(factors, sm.add_constant(columns)).fit(use_t=False)

    assert left == [0, 1, 2]
    assert ours.coefficients == pytest.approx(theirs.params, rel=1e-6)
    assert ours.standard_errors[1:] == pytest.approx(theirs.bse[1:], rel=1e-6)
    assert ours.p_values[1:] == pytest.approx(theirs.pvalues[1:], abs=1e-6)


@pytest.mark.parametrize("name", CARDS)
def test_the_information_values_are_those_of_optbinning(name: str) -> None:
    """For equal classes: optbinning is given the bounds."""
    for entry in MODELS[name].card.characteristics:
        if CHARACTERISTICS[entry.name].kind == "category":
            continue
        values = TRAINING.numbers[entry.name]
        known = ~np.isnan(values)
        binning = optbinning.OptimalBinning(
            user_splits=[row.below for row in entry.classes[:-1]],
            user_splits_fixed=[True] * (len(entry.classes) - 1),
        )
        binning.fit(values[known], TRAINING.bad[known].astype(int))
        table = binning.binning_table.build()

        assert entry.facts.information_value == pytest.approx(table.loc["Totals", "IV"], abs=1e-6)
        assert [row.count for row in entry.classes] == list(table["Count"][: len(entry.classes)])


@pytest.mark.parametrize("name", CARDS)
def test_the_area_is_that_of_optbinning_within_0_005(name: str) -> None:
    exclude = CARDS[name]
    names = [entry for entry in CHARACTERISTICS if entry not in exclude]
    categorical = [entry for entry in names if CHARACTERISTICS[entry].kind == "category"]
    process = optbinning.BinningProcess(
        names,
        categorical_variables=categorical,
        min_bin_size=0.05,
        max_pvalue=0.05,
        selection_criteria={"iv": {"min": 0.01}},
        binning_fit_params={entry: {"monotonic_trend": "auto_asc_desc"} for entry in names if entry not in categorical},
    )
    card = optbinning.Scorecard(binning_process=process, estimator=LogisticRegression(C=1e6, max_iter=1_000))
    card.fit(frame(TRAINING, names), TRAINING.bad.astype(int))

    for label, loans in (("holdout", HOLDOUT), ("out of time", OUT_OF_TIME)):
        theirs = roc_auc_score(loans.bad, card.predict_proba(frame(loans, names))[:, 1])
        ours = roc_auc_score(~loans.bad, predict(MODELS[name], loans).scores)
        print(f"{name}, {label}: {ours:.4f}, optbinning {theirs:.4f}")
        assert ours > theirs - 0.005


def frame(loans: Loans, names: list[str]) -> pd.DataFrame:
    """The loans as optbinning takes them."""
    columns: dict[str, object] = {}
    for name in names:
        if name in loans.numbers:
            columns[name] = loans.numbers[name]
        else:
            categories = np.array([*loans.names[name], None], dtype=object)
            columns[name] = categories[loans.categories[name]]
    return pd.DataFrame(columns)


if __name__ == "__main__":
    # The project's settings need plug-ins that are not installed here.
    sys.exit(pytest.main([__file__, "-q", "-s", "-c", "/dev/null", "-p", "no:cacheprovider", "--disable-warnings"]))
