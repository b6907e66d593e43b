"""Logistic and linear regression with standard errors, and the elimination of terms that may be chance."""

import math
from typing import Literal

import msgspec
import numpy as np

from lambda_src.credit_risk.training.loans import Flags, Floats

Family = Literal["logistic", "linear"]
_ITERATIONS = 50
# The gradient, a mean over the rows, at which Newton's method ends.
_TOLERANCE = 1e-10
# A linear predictor beyond this means that a term separates all of one kind from the other.
_SEPARATED = 30.0
# Below this share of its variance left, a column is a combination of the others.
_COLLINEAR = 1e-8
_TINY = 1e-300


class SeparationError(Exception):
    """The terms predict the outcome perfectly: there is no best coefficient."""


class Fit(msgspec.Struct, frozen=True):
    """A fitted regression; the first coefficient is the intercept's.

    p-values are two-sided, of the normal distribution.
    """

    coefficients: Floats
    standard_errors: Floats
    p_values: Floats


def fit(family: Family, columns: Floats, outcome: Floats) -> Fit:
    """Fits outcome ~ 1 + columns. `columns`: (rows, terms).

    Raises `SeparationError`. No column may be a combination of others: see `independent`.
    """
    return _fit_logistic(columns, outcome) if family == "logistic" else _fit_linear(columns, outcome)


def eliminate(
    family: Family, columns: Floats, outcome: Floats, maximum_p_value: float, *, positive: bool = False
) -> tuple[list[int], Fit, dict[int, float | None]]:
    """Backward elimination: drops the term with the highest p-value until all are at most `maximum_p_value`.

    `positive`: terms with a coefficient below 0 go first, the clearest first. Returns the numbers of the columns that
    are left, maybe none, the fit with them, and the p-values of the dropped ones when they went, or None for a
    combination of others or a coefficient below 0. Raises `SeparationError`.
    """
    # In units of their own spread: amounts and counts differ by orders of magnitude.
    center, spread = columns.mean(axis=0), columns.std(axis=0)
    left = independent(columns)
    dropped: dict[int, float | None] = {index: None for index in range(columns.shape[1]) if index not in left}
    while True:
        scaled = (columns[:, left] - center[left]) / spread[left]
        result = fit(family, scaled, outcome)
        if not left:
            return left, result, dropped
        ratios = result.coefficients[1:] / np.maximum(result.standard_errors[1:], _TINY)
        lowest, worst = int(np.argmin(ratios)), int(np.argmax(result.p_values[1:]))
        if positive and ratios[lowest] < 0:
            dropped[left.pop(lowest)] = None
        elif result.p_values[1 + worst] > maximum_p_value:
            dropped[left.pop(worst)] = float(result.p_values[1 + worst])
        else:
            return left, _unscaled(result, center[left], spread[left]), dropped


def independent(columns: Floats) -> list[int]:
    """The numbers of columns that are neither constant nor a combination of those before them."""
    chosen: list[int] = []
    basis: list[Floats] = []
    for index in range(columns.shape[1]):
        column = columns[:, index] - columns[:, index].mean()
        variance = float(column @ column)
        if variance <= 0:
            continue
        rest = column / math.sqrt(variance)
        for direction in basis:
            rest = rest - direction * float(direction @ rest)
        length = float(rest @ rest)
        if length > _COLLINEAR:
            chosen.append(index)
            basis.append(rest / math.sqrt(length))
    return chosen


def sigmoid(values: Floats) -> Floats:
    """1 / (1 + exp(-values))."""
    result: Floats = 1 / (1 + np.exp(-np.clip(values, -700, 700)))
    return result


def _fit_logistic(columns: Floats, outcome: Floats) -> Fit:
    design = _with_intercept(columns)
    rows = len(outcome)
    mean = float(outcome.mean())
    if mean in (0.0, 1.0):
        raise SeparationError
    coefficients = np.zeros(design.shape[1])
    coefficients[0] = math.log(mean / (1 - mean))
    for _ in range(_ITERATIONS):
        predictor = design @ coefficients
        if float(np.abs(predictor).max()) > _SEPARATED:
            raise SeparationError
        chances = sigmoid(predictor)
        gradient = design.T @ (outcome - chances) / rows
        hessian = (design * (chances * (1 - chances))[:, None]).T @ design / rows
        try:
            inverse = np.linalg.inv(hessian)
        except np.linalg.LinAlgError as error:
            # Of some combination of terms, only loans with certain outcomes are left.
            raise SeparationError from error
        coefficients = coefficients + inverse @ gradient
        if float(np.abs(gradient).max()) < _TOLERANCE:
            return _with_errors(coefficients, inverse / rows)
    raise SeparationError


def _fit_linear(columns: Floats, outcome: Floats) -> Fit:
    design = _with_intercept(columns)
    inverse = np.linalg.inv(design.T @ design)
    coefficients = inverse @ (design.T @ outcome)
    residuals = outcome - design @ coefficients
    variance = float(residuals @ residuals) / max(1, len(outcome) - design.shape[1])
    return _with_errors(coefficients, inverse * variance)


def _with_errors(coefficients: Floats, covariance: Floats) -> Fit:
    errors = np.sqrt(np.diag(covariance))
    ratios = np.abs(coefficients) / np.maximum(errors, _TINY)
    p_values = np.array([math.erfc(ratio / math.sqrt(2)) for ratio in ratios])
    return Fit(coefficients, errors, p_values)


def _unscaled(result: Fit, center: Floats, spread: Floats) -> Fit:
    """The coefficients of the columns as they were. The intercept keeps the error it has at the columns' means."""
    slopes = result.coefficients[1:] / spread
    coefficients = np.concatenate(([result.coefficients[0] - float(slopes @ center)], slopes))
    errors = np.concatenate((result.standard_errors[:1], result.standard_errors[1:] / spread))
    return Fit(coefficients, errors, result.p_values)


def _with_intercept(columns: Floats) -> Floats:
    return np.column_stack((np.ones(len(columns)), columns))


def r_squared(observed: Floats, predicted: Floats) -> float | None:
    """1 - residual / total sum of squares; below 0 for what predicts worse than the mean. None for a constant."""
    total = float(((observed - observed.mean()) ** 2).sum()) if len(observed) else 0.0
    return 1 - float(((observed - predicted) ** 2).sum()) / total if total > 0 else None


def auroc(scores: Floats, positive: Flags) -> float | None:
    """The chance that a positive scores higher than another; ties count half. None when all are alike."""
    positives = int(positive.sum())
    others = len(positive) - positives
    if not positives or not others:
        return None
    _values, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    return (float(ranks[inverse][positive].sum()) - positives * (positives + 1) / 2) / (positives * others)
