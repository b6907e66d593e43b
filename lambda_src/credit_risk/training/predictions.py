"""What a model says about many loans at once: the same as the engine, in columns."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from lambda_src.credit_risk.model import CardCharacteristic, Model, Regression
from lambda_src.credit_risk.training.loans import Floats, Integers, Loans
from lambda_src.credit_risk.training.regression import sigmoid


class Predictions(msgspec.Struct, frozen=True, kw_only=True):
    """One entry per loan. `classes`: characteristic -> number of the class, that of a missing value after the last."""

    classes: Mapping[str, Integers]
    scores: Integers
    defaults: Floats
    recovers: Floats
    losses_given_default: Floats
    conversion: Floats

    @property
    def loss_rates(self) -> Floats:
        """The expected loss as a fraction of the amount."""
        return self.defaults * self.losses_given_default * self.conversion


def predict(model: Model, loans: Loans) -> Predictions:
    """Scores loans. Where the engine would ask for a missing value, the points are the rounded average."""
    card = model.card
    classes = {entry.name: class_numbers(entry, loans) for entry in card.characteristics}
    scores = np.full(len(loans), card.base_points, dtype=np.int64)
    for entry in card.characteristics:
        missing = entry.missing.points if entry.missing else round(entry.average_points)
        scores += np.array([*(row.points for row in entry.classes), missing])[classes[entry.name]]
    curve = card.probability_of_default
    loss = model.loss_given_default
    recovers = sigmoid(linear(loss.recovers, loans))
    rate = np.clip(linear(loss.rate, loans), 0.0, 1.0)
    return Predictions(
        classes=classes,
        scores=scores,
        defaults=sigmoid((curve.offset - scores.astype(np.float64)) / curve.factor),
        recovers=recovers,
        losses_given_default=1 - (recovers * rate + (1 - recovers) * loss.small),
        conversion=np.clip(linear(model.exposure_at_default, loans), 0.0, 1.0),
    )


def class_numbers(characteristic: CardCharacteristic, loans: Loans) -> Integers:
    """The class of each loan."""
    name, missing = characteristic.name, len(characteristic.classes)
    if name in loans.numbers:
        bounds = np.array([entry.below for entry in characteristic.classes if entry.below is not None])
        values = loans.numbers[name]
        return np.where(np.isnan(values), missing, np.searchsorted(bounds, values, side="right")).astype(np.int64)
    if name not in loans.categories:
        return np.full(len(loans), missing)
    places = {value: index for index, entry in enumerate(characteristic.classes) for value in entry.values or ()}
    # The last entry is that of code -1.
    table = np.array([*(places.get(category, missing) for category in loans.names[name]), missing])
    return table[loans.categories[name]].astype(np.int64)


def linear(regression: Regression, loans: Loans) -> Floats:
    """The linear predictor of each loan."""
    result = np.full(len(loans), regression.intercept, dtype=np.float64)
    for term in regression.terms:
        if term.values is not None:
            result += term.coefficient * has_category(loans, term.name, term.values)
        else:
            result += term.coefficient * bounded(loans, term.name, term.minimum, term.maximum, term.missing)
    return result


def has_category(loans: Loans, name: str, values: Sequence[str]) -> Floats:
    """1 for each loan with one of the categories, else 0."""
    if name not in loans.categories:
        return np.zeros(len(loans))
    table = np.array([*(float(category in values) for category in loans.names[name]), 0.0])
    result: Floats = table[loans.categories[name]]
    return result


def bounded(loans: Loans, name: str, low: float | None, high: float | None, missing: float | None) -> Floats:
    """A number of each loan, within bounds, `missing` where there is none."""
    values = loans.numbers.get(name)
    if values is None:
        values = np.full(len(loans), np.nan)
    return np.clip(np.where(np.isnan(values), np.nan if missing is None else missing, values), low, high)
