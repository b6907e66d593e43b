"""Makes a model: classes, a logistic regression on their weights of evidence, points, losses, and the measures."""

import math
from collections.abc import Mapping

import msgspec
import numpy as np

from lambda_src.credit_risk.characteristics import CHARACTERISTICS
from lambda_src.credit_risk.model import (
    FORMAT,
    Card,
    CardCharacteristic,
    DefaultCurve,
    Development,
    Dropped,
    Facts,
    MissingClass,
    Model,
    Performance,
    Range,
    Reference,
    ScoreClass,
    Set,
    encode,
)
from lambda_src.credit_risk.training import evaluation, losses
from lambda_src.credit_risk.training.classing import Classing, class_category, class_number
from lambda_src.credit_risk.training.columns import from_month, to_month
from lambda_src.credit_risk.training.loans import Floats, Loans
from lambda_src.credit_risk.training.predictions import predict
from lambda_src.credit_risk.training.reading import LoanFile
from lambda_src.credit_risk.training.regression import Fit, SeparationError, eliminate
from lambda_src.credit_risk.training.rounding import rounded
from lambda_src.credit_risk.training.settings import OnStep, TrainingError, TrainingSettings
from lambda_src.credit_risk.validation import ModelError, check, decode

# Fewer of either kind make no card worth having.
MINIMUM_BADS = 100
# One in five loans is held out: those whose id is a multiple.
_HOLDOUT = 5
_TEST_MONTHS = 12
# Losses weigh by it: where larger loans default more often, a card without it understates what is lost.
_ALWAYS_TRIED = "amount"
# A good characteristic has 0.3, all of them together some 1.
_MAXIMUM_INFORMATION_VALUE = 3
_BANDS = 10
_BISECTIONS = 60
_SPLIT = "training and holdout: issued before {}, holdout: id a multiple of 5; out of time: issued from then on"
_DEFINITIONS = {
    "bad": "Charged off or in default. Loans that are still running are left out.",
    "exposureAtDefault": "Principal not repaid at default. The conversion factor is its share of the amount.",
    "lossGivenDefault": "1 - recoveries / exposure, from 0 to 1.",
    "recovery": "More than 2 % of the exposure; less is the proceeds of debt that was sold.",
    "defaultWithin12Months": "90 days past due within 12 months of the loan: four months after the last payment.",
    "missing": "A missing value has the average points: it often tells when a loan was made, not who borrows.",
}


def train(file: LoanFile, settings: TrainingSettings, on_step: OnStep = lambda _step: None) -> Model:
    """Makes a model from a file of loans: the same one each time.

    Raises `TrainingError` when the settings or the data do not allow one, with what is missing.
    """
    excluded = _excluded(settings)
    test_from = _test_from(settings, file.loans)
    training, holdout, out_of_time = split(file.loans, test_from)
    _check_enough(training)
    on_step("classing")
    classed, dropped = _class_all(training, excluded, settings.minimum_information_value)
    on_step("selecting")
    card, dropped_by_fit = _card(training, file.loans, classed, settings)
    on_step("losses")
    bad = training.only(training.bad)
    model = Model(
        format=FORMAT,
        name=settings.name,
        sample=settings.sample,
        currency=settings.currency,
        card=card,
        loss_given_default=losses.loss_given_default(bad, excluded, settings.maximum_p_value),
        exposure_at_default=losses.exposure_at_default(bad, excluded, settings.maximum_p_value),
        default_timing=losses.default_timing(bad),
        training_ranges={name: _range(training.numbers[name]) for name in ("amount", "termMonths")},
        development=Development(
            data=file.digest,
            rows=file.rows,
            rejected=file.rejected,
            test_from=from_month(test_from),
            split=_SPLIT.format(from_month(test_from)),
            definitions=_DEFINITIONS,
            maximum_p_value=settings.maximum_p_value,
            minimum_information_value=settings.minimum_information_value,
            dropped=[*dropped, *dropped_by_fit],
        ),
    )
    on_step("measuring")
    model = _with_reference(_calibrated(model, training), training)
    model = msgspec.structs.replace(model, performance=_performance(model, training, holdout, out_of_time))
    try:
        # As JSON: only then are the limits of each field checked.
        check(decode(encode(model)))
    except ModelError as error:
        raise TrainingError(f"these settings make no valid model: {error}") from error
    return model


def split(loans: Loans, test_from: int) -> tuple[Loans, Loans, Loans]:
    """Training, holdout and out-of-time loans. `test_from`: a month since year 0."""
    before = loans.issued < test_from
    held_out = loans.ids % _HOLDOUT == 0
    return loans.only(before & ~held_out), loans.only(before & held_out), loans.only(~before)


def default_test_from(loans: Loans) -> int:
    """The last twelve months are the test, unless there are no others."""
    start = int(loans.issued.max()) - _TEST_MONTHS + 1
    return start if start > loans.issued.min() else int(loans.issued.max()) + 1


def _excluded(settings: TrainingSettings) -> frozenset[str]:
    unknown = [name for name in settings.exclude if name not in CHARACTERISTICS]
    if unknown:
        raise TrainingError(f"exclude: {unknown[0]} is unknown; known are {', '.join(CHARACTERISTICS)}")
    if settings.maximum - settings.minimum < 100:
        raise TrainingError("scale: max must exceed min by at least 100")
    return frozenset(settings.exclude)


def _test_from(settings: TrainingSettings, loans: Loans) -> int:
    if settings.test_from is None:
        return default_test_from(loans)
    try:
        return to_month(settings.test_from)
    except ValueError as error:
        raise TrainingError("testFrom: must be a month, YYYY-MM") from error


def _check_enough(training: Loans) -> None:
    bads = int(training.bad.sum())
    goods = len(training) - bads
    for count, kind in ((bads, "defaulted"), (goods, "paid back")):
        if count < MINIMUM_BADS:
            raise TrainingError(
                f"the training set has {count:,} loans that {kind}; at least {MINIMUM_BADS} are needed. "
                "It has the loans before testFrom without every fifth"
            )


def _class_all(training: Loans, excluded: frozenset[str], minimum: float) -> tuple[dict[str, Classing], list[Dropped]]:
    """The classes of all characteristics that say something, and the others."""
    classed: dict[str, Classing] = {}
    dropped = []
    for name in CHARACTERISTICS:
        if name in excluded:
            dropped.append(Dropped(name=name, reason="excluded"))
        elif _is_blank(training, name):
            dropped.append(Dropped(name=name, reason="blank"))
        elif (classing := _class(training, name)) is None:
            dropped.append(Dropped(name=name, reason="oneClass"))
        elif classing.information_value > _MAXIMUM_INFORMATION_VALUE:
            raise TrainingError(
                f"{name} tells good from bad loans nearly perfectly (information value "
                f"{classing.information_value:.1f}): exclude it, unless it is known before the loan"
            )
        elif classing.information_value < minimum and name != _ALWAYS_TRIED:
            value = rounded(classing.information_value)
            dropped.append(Dropped(name=name, reason="informationValue", value=value))
        else:
            classed[name] = classing
    if not classed:
        raise TrainingError("no characteristic tells good from bad loans")
    return classed, dropped


def _is_blank(loans: Loans, name: str) -> bool:
    if name in loans.numbers:
        return bool(np.isnan(loans.numbers[name]).all())
    return name not in loans.categories or bool((loans.categories[name] < 0).all())


def _class(loans: Loans, name: str) -> Classing | None:
    if name in loans.numbers:
        return class_number(loans.numbers[name], loans.bad)
    return class_category(loans.categories[name], loans.bad, len(loans.names[name]))


def _card(
    training: Loans, loans: Loans, classed: Mapping[str, Classing], settings: TrainingSettings
) -> tuple[Card, list[Dropped]]:
    names = list(classed)
    columns = np.column_stack([_weights(classed[name], training, name) for name in names])
    try:
        left, fit, dropped = eliminate(
            "logistic", columns, (~training.bad).astype(np.float64), settings.maximum_p_value, positive=True
        )
    except SeparationError as error:
        raise TrainingError(
            "the characteristics tell good from bad loans perfectly: are all known before the loan?"
        ) from error
    if not left:
        raise TrainingError("no characteristic is left: their coefficients may all be chance")
    chosen = {names[index]: classed[names[index]] for index in left}
    return _scaled(training, loans, chosen, fit, settings), [
        Dropped(name=names[index], reason="sign" if p_value is None else "pValue", value=_maybe_rounded(p_value))
        for index, p_value in sorted(dropped.items())
    ]


def _weights(classing: Classing, loans: Loans, name: str) -> Floats:
    """The weight of evidence of each loan; 0 for a missing value."""
    table = np.array([*classing.woe, 0.0])
    result: Floats = table[_index(classing, loans, name)]
    return result


def _index(classing: Classing, loans: Loans, name: str) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return classing.index(loans.numbers[name] if name in loans.numbers else loans.categories[name])


def _scaled(
    training: Loans, loans: Loans, classed: Mapping[str, Classing], fit: Fit, settings: TrainingSettings
) -> Card:
    """Turns log odds into points, so that the worst and the best score are the ends of the scale."""
    coefficients = {name: float(fit.coefficients[place]) for place, name in enumerate(classed, start=1)}
    logits = {name: [coefficients[name] * weight for weight in classing.woe] for name, classing in classed.items()}
    lowest = sum(min(values) for values in logits.values())
    highest = sum(max(values) for values in logits.values())
    factor = (settings.maximum - settings.minimum) / (highest - lowest)
    while True:
        points = {name: [round(factor * value) for value in values] for name, values in logits.items()}
        low, high = (sum(end(values) for values in points.values()) for end in (min, max))
        if high - low <= settings.maximum - settings.minimum:
            break
        # Rounding went beyond the scale by a few points.
        factor *= 0.999
    base = round(settings.minimum - factor * lowest)
    base = min(max(base, settings.minimum - low), settings.maximum - high)
    factor = rounded(factor)
    return Card(
        base_points=base,
        minimum=settings.minimum,
        maximum=settings.maximum,
        points_to_double_odds=rounded(factor * math.log(2)),
        probability_of_default=DefaultCurve(offset=rounded(base - factor * float(fit.coefficients[0])), factor=factor),
        characteristics=[
            _characteristic(name, classing, points[name], _facts(classing, fit, place), training, loans)
            for place, (name, classing) in enumerate(classed.items(), start=1)
        ],
    )


def _facts(classing: Classing, fit: Fit, place: int) -> Facts:
    return Facts(
        information_value=rounded(classing.information_value),
        coefficient=rounded(float(fit.coefficients[place])),
        standard_error=rounded(float(fit.standard_errors[place])),
        p_value=rounded(float(fit.p_values[place])),
    )


def _characteristic(
    name: str, classing: Classing, points: list[int], facts: Facts, training: Loans, loans: Loans
) -> CardCharacteristic:
    known = sum(classing.loans)
    average = sum(count * value for count, value in zip(classing.loans, points, strict=True)) / known
    missing = None
    # Also for a value that only the test has: it must be scored, too.
    if (_index(classing, loans, name) < 0).any():
        without = _index(classing, training, name) < 0
        missing = MissingClass(points=round(average), count=int(without.sum()), bads=int(training.bad[without].sum()))
        average = (average * known + missing.points * missing.count) / len(training)
    bounds = [*classing.bounds, None] if not classing.codes else [None] * len(points)
    values = (
        [[loans.names[name][code] for code in codes] for codes in classing.codes]
        if classing.codes
        else [None] * len(points)
    )
    return CardCharacteristic(
        name=name,
        classes=[
            ScoreClass(below=below, values=categories, points=value, count=count, bads=bads)
            for below, categories, value, count, bads in zip(
                bounds, values, points, classing.loans, classing.bads, strict=True
            )
        ],
        missing=missing,
        average_points=rounded(average),
        facts=facts,
    )


def _calibrated(model: Model, training: Loans) -> Model:
    """Moves the curve so that the mean probability of default is the default rate: rounded points shift it a little."""
    scores = predict(model, training).scores
    curve = model.card.probability_of_default
    rate = float(training.bad.mean())
    low, high = curve.offset - curve.factor, curve.offset + curve.factor
    for _ in range(_BISECTIONS):
        offset = (low + high) / 2
        mean = float((1 / (1 + np.exp((scores - offset) / curve.factor))).mean())
        low, high = (offset, high) if mean < rate else (low, offset)
    curve = DefaultCurve(offset=rounded(offset), factor=curve.factor)
    return msgspec.structs.replace(model, card=msgspec.structs.replace(model.card, probability_of_default=curve))


def _with_reference(model: Model, training: Loans) -> Model:
    """With the deciles of the training set's scores."""
    scores = predict(model, training).scores
    ordered = np.sort(scores)
    cuts = np.unique(ordered[[len(ordered) * part // _BANDS for part in range(1, _BANDS)]])
    bounds = [int(cut) for cut in cuts if cut > ordered[0]]
    if not bounds:
        raise TrainingError("all scores are alike")
    reference = Reference(loans=len(training), band_bounds=bounds, band_counts=evaluation.band_counts(scores, bounds))
    return msgspec.structs.replace(model, reference=reference)


def _performance(model: Model, training: Loans, holdout: Loans, out_of_time: Loans) -> Performance:
    sets: tuple[tuple[Set, Loans], ...] = (("training", training), ("holdout", holdout), ("outOfTime", out_of_time))
    metrics = [evaluation.measure(model, loans, name) for name, loans in sets if len(loans)]
    return Performance(
        holdout=evaluation.histogram(model, holdout) if len(holdout) else None,
        out_of_time=evaluation.histogram(model, out_of_time) if len(out_of_time) else None,
        metrics=[entry for entry in metrics if entry is not None],
        periods=evaluation.periods(model, out_of_time) if len(out_of_time) else [],
    )


def _range(values: Floats) -> Range:
    return Range(minimum=float(values.min()), maximum=float(values.max()))


def _maybe_rounded(number: float | None) -> float | None:
    return None if number is None else rounded(number)
