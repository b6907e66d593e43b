"""How a model does on finished loans it was not made with."""

from collections.abc import Sequence

import numpy as np

from lambda_src.credit_risk import psi
from lambda_src.credit_risk.measures import ks
from lambda_src.credit_risk.model import (
    CalibrationBand,
    CharacteristicShift,
    Histogram,
    Metrics,
    Model,
    Pair,
    Period,
    Set,
)
from lambda_src.credit_risk.scorecard import reference_counts
from lambda_src.credit_risk.training.columns import from_month
from lambda_src.credit_risk.training.loans import Floats, Integers, Loans
from lambda_src.credit_risk.training.losses import conversion_factors, recovery_rates
from lambda_src.credit_risk.training.predictions import Predictions, predict
from lambda_src.credit_risk.training.regression import auroc, r_squared
from lambda_src.credit_risk.training.rounding import rounded

# Points. The bands of a histogram have the first of these widths with which there are at most as many.
_WIDTHS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
_MAXIMUM_BANDS = 200


def measure(model: Model, loans: Loans, name: Set) -> Metrics | None:
    """The metrics of a set, None when it has no good or no bad loan."""
    predictions = predict(model, loans)
    area = auroc(predictions.scores.astype(np.float64), ~loans.bad)
    if area is None:
        return None
    bad = loans.only(loans.bad)
    of_bad = predict(model, bad)
    owed = bad.exposure > 0
    rates = recovery_rates(bad.only(owed))
    observed_factors = conversion_factors(bad)
    lent = float(loans.amounts.sum())
    recovers = auroc(of_bad.recovers[owed], rates > model.loss_given_default.threshold)
    loss_given_default = (
        Pair(
            predicted=rounded(float(of_bad.losses_given_default[owed].mean())),
            observed=rounded(float(1 - rates.mean())),
        )
        if owed.any()
        else None
    )
    return Metrics(
        set=name,
        first=from_month(int(loans.issued.min())),
        last=from_month(int(loans.issued.max())),
        loans=len(loans),
        bads=int(loans.bad.sum()),
        mean_probability_of_default=rounded(float(predictions.defaults.mean())),
        auroc=rounded(area),
        ks=rounded(ks(*_by_score(predictions.scores, loans))[0]),
        expected_loss_rate=rounded(float((predictions.loss_rates * loans.amounts).sum()) / lent),
        loss_rate=rounded(float(loans.losses.sum()) / lent),
        recovers_auroc=_maybe_rounded(recovers),
        loss_given_default=loss_given_default,
        loss_given_default_r2=_maybe_rounded(r_squared(1 - rates, of_bad.losses_given_default[owed])),
        credit_conversion_factor=Pair(
            predicted=rounded(float(of_bad.conversion.mean())), observed=rounded(float(observed_factors.mean()))
        ),
        credit_conversion_factor_r2=_maybe_rounded(r_squared(observed_factors, of_bad.conversion)),
        exposure_r2=_maybe_rounded(r_squared(bad.exposure, of_bad.conversion * bad.amounts)),
        score_psi=rounded(score_psi(model, predictions)),
        calibration=_calibration(model, predictions, loans),
    )


def histogram(model: Model, loans: Loans) -> Histogram:
    """The loans by score, in narrow bands: of five points on a scale from 300 to 850."""
    predictions = predict(model, loans)
    scale = model.card.maximum - model.card.minimum
    width = next(width for width in _WIDTHS if scale <= _MAXIMUM_BANDS * width)
    first = int(predictions.scores.min()) // width * width
    bands = (predictions.scores - first) // width
    count = int(bands.max()) + 1

    def sums(weights: Floats) -> list[float]:
        return [float(total) for total in np.rint(np.bincount(bands, weights=weights, minlength=count))]

    return Histogram(
        first=first,
        width=width,
        goods=[int(total) for total in np.bincount(bands[~loans.bad], minlength=count)],
        bads=[int(total) for total in np.bincount(bands[loans.bad], minlength=count)],
        amounts=sums(loans.amounts),
        expected_losses=sums(predictions.loss_rates * loans.amounts),
        losses=sums(loans.losses),
    )


def periods(model: Model, loans: Loans) -> list[Period]:
    """The loans by quarter."""
    result = []
    quarters = loans.issued // 3
    for quarter in np.unique(quarters):
        part = loans.only(quarters == quarter)
        predictions = predict(model, part)
        area = auroc(predictions.scores.astype(np.float64), ~part.bad)
        shifts = [
            CharacteristicShift(name=name, psi=rounded(index))
            for name, index in characteristic_psi(model, predictions).items()
        ]
        result.append(
            Period(
                period=f"{quarter // 4:04}Q{quarter % 4 + 1}",
                loans=len(part),
                bads=int(part.bad.sum()),
                mean_probability_of_default=rounded(float(predictions.defaults.mean())),
                auroc=_maybe_rounded(area),
                score_psi=rounded(score_psi(model, predictions)),
                characteristics=shifts,
            )
        )
    return result


def score_psi(model: Model, predictions: Predictions) -> float:
    """The stability of the scores. The model must have a reference."""
    reference = model.reference
    if reference is None:
        raise ValueError("the model has no reference distribution")
    return psi.psi(reference.band_counts, band_counts(predictions.scores, reference.band_bounds))


def characteristic_psi(model: Model, predictions: Predictions) -> dict[str, float]:
    """The stability of each characteristic of the card."""
    result = {}
    for entry in model.card.characteristics:
        expected = reference_counts(entry)
        actual = np.bincount(predictions.classes[entry.name], minlength=len(expected))
        result[entry.name] = psi.psi(expected, [int(count) for count in actual])
    return result


def band_counts(scores: Integers, bounds: Sequence[int]) -> list[int]:
    """The loans in each band."""
    bands = np.searchsorted(np.array(bounds), scores, side="right")
    return [int(count) for count in np.bincount(bands, minlength=len(bounds) + 1)]


def _by_score(scores: Integers, loans: Loans) -> tuple[list[int], list[int]]:
    """Goods and bads at each score."""
    shifted = scores - scores.min()
    size = int(shifted.max()) + 1
    goods = np.bincount(shifted[~loans.bad], minlength=size)
    bads = np.bincount(shifted[loans.bad], minlength=size)
    return [int(count) for count in goods], [int(count) for count in bads]


def _calibration(model: Model, predictions: Predictions, loans: Loans) -> list[CalibrationBand]:
    """By decile of the training set's scores."""
    if model.reference is None:
        return []
    bounds = model.reference.band_bounds
    edges = [model.card.minimum, *bounds, model.card.maximum + 1]
    bands = np.searchsorted(np.array(bounds), predictions.scores, side="right")
    result = []
    for band in range(len(bounds) + 1):
        rows = bands == band
        if rows.any():
            result.append(
                CalibrationBand(
                    lowest=edges[band],
                    highest=edges[band + 1] - 1,
                    loans=int(rows.sum()),
                    bads=int(loans.bad[rows].sum()),
                    predicted=rounded(float(predictions.defaults[rows].mean())),
                )
            )
    return result


def _maybe_rounded(number: float | None) -> float | None:
    return None if number is None else rounded(number)
