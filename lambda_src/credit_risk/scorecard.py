"""Scores applications with a model: a few dictionary look-ups each, with the standard library alone."""

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal

import msgspec

from lambda_src.credit_risk import reasons
from lambda_src.credit_risk.characteristics import CHARACTERISTICS, Characteristic, months_between
from lambda_src.credit_risk.model import CardCharacteristic, DefaultShare, Model, Regression, Term
from lambda_src.credit_risk.validation import check, decode

Values = Mapping[str, Any]
# All defaults of a loan of a year happen within it.
_YEAR = DefaultShare(term_months=12, share=1.0)


class InputError(Exception):
    """An application cannot be scored. `path` is the field, such as `applicant.annualIncome`."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class Points(msgspec.Struct, frozen=True):
    """The points of a characteristic. `index` is the class's number in the card; `missing` has the next one."""

    characteristic: str
    label: str
    points: int
    average_points: float
    missing: bool
    index: int


class Reason(msgspec.Struct, frozen=True):
    """Why the score is not higher: a characteristic whose points lie below the average."""

    characteristic: str
    side: reasons.Side
    points_below_average: float

    @property
    def code(self) -> str:
        return reasons.code(self.characteristic, self.side)

    def text(self, language: reasons.Language) -> str:
        return reasons.text(self.characteristic, self.side, language)


class Notice(msgspec.Struct, frozen=True):
    """What limits a score's meaning: a value outside the training range, or a category that training did not know."""

    code: Literal["outOfRange", "unknownCategory"]
    path: str


class Result(msgspec.Struct, frozen=True):
    """A score. Probabilities, factors and rates are fractions; exposure and loss are money.

    `probability_of_default_12_months` is None when the model has no timing of defaults. `expected_loss_rate` is a
    fraction of the amount.
    """

    score: int
    probability_of_default: float
    probability_of_default_12_months: float | None
    loss_given_default: float
    credit_conversion_factor: float
    exposure_at_default: float
    expected_loss: float
    expected_loss_rate: float
    base_points: int
    points: tuple[Points, ...]
    reasons: tuple[Reason, ...]
    warnings: tuple[Notice, ...]


class Scorecard:
    """A model, made ready to score. Has no state besides: threads may share it."""

    def __init__(self, model: Model) -> None:
        """Raises `ModelError`, which names what is wrong with the model."""
        check(model)
        self.model = model
        self._characteristics = tuple(_Compiled(characteristic) for characteristic in model.card.characteristics)
        self._recovers = _Predictor(model.loss_given_default.recovers)
        self._rate = _Predictor(model.loss_given_default.rate)
        self._conversion = _Predictor(model.exposure_at_default)
        self._ranges = tuple((CHARACTERISTICS[name], limits) for name, limits in model.training_ranges.items())

    def score(self, values: Values, month: str) -> Result:
        """Scores an application made in a month (YYYY-MM).

        `values`: the fields of `characteristics.CHARACTERISTICS` by name; None and absent are the same. Always needed:
        `amount` and `termMonths`. Raises `InputError` for a field that the card needs and for an impossible value.
        """
        values = _measured(values, month)
        amount, term = _required(values, "amount"), _required(values, "termMonths")
        points = [characteristic.find(values) for characteristic in self._characteristics]
        card = self.model.card
        score = card.base_points + sum(entry.points for entry in points)
        curve = card.probability_of_default
        default = 1 / (1 + math.exp((score - curve.offset) / curve.factor))
        loss = self._loss_given_default(values)
        conversion = _clip(self._conversion(values))
        expected = default * loss * conversion
        return Result(
            score=score,
            probability_of_default=default,
            probability_of_default_12_months=_within_a_year(default, term, self.model.default_timing),
            loss_given_default=loss,
            credit_conversion_factor=conversion,
            exposure_at_default=conversion * amount,
            expected_loss=expected * amount,
            expected_loss_rate=expected,
            base_points=card.base_points,
            points=tuple(points),
            reasons=self._reasons(points),
            warnings=self._warnings(values, points),
        )

    def band(self, score: int) -> int:
        """The number of the reference's score band, from 0. Raises `LookupError` for a model without reference."""
        if self.model.reference is None:
            raise LookupError("the model has no reference distribution")
        return bisect_right(self.model.reference.band_bounds, score)

    def _loss_given_default(self, values: Values) -> float:
        chance = 1 / (1 + math.exp(-max(-700.0, min(700.0, self._recovers(values)))))
        recovered = chance * _clip(self._rate(values)) + (1 - chance) * self.model.loss_given_default.small
        return 1 - recovered

    def _reasons(self, points: Sequence[Points]) -> tuple[Reason, ...]:
        below = [
            reason
            for entry, characteristic in zip(points, self._characteristics, strict=True)
            if (reason := characteristic.reasons[entry.index])
        ]
        below.sort(key=lambda reason: -reason.points_below_average)
        rest = below[reasons.MAXIMUM :]
        return (
            *below[: reasons.MAXIMUM],
            *(reason for reason in rest if reason.characteristic == reasons.ALWAYS_NAMED),
        )

    def _warnings(self, values: Values, points: Sequence[Points]) -> tuple[Notice, ...]:
        warnings = [
            Notice("outOfRange", characteristic.path)
            for characteristic, limits in self._ranges
            if (value := values.get(characteristic.name)) is not None and not limits.minimum <= value <= limits.maximum
        ]
        warnings += [
            Notice("unknownCategory", CHARACTERISTICS[entry.characteristic].path)
            for entry in points
            if entry.missing and values.get(entry.characteristic) is not None
        ]
        return tuple(warnings)


def parse(raw: bytes | str) -> Scorecard:
    """The scorecard of a model's JSON. Raises `ModelError`, which names the path and what is wrong with it."""
    return Scorecard(decode(raw))


class _Compiled:
    """A characteristic whose answers are made beforehand: a class's points and the reason that it is, or None."""

    def __init__(self, characteristic: CardCharacteristic) -> None:
        self._field = CHARACTERISTICS[characteristic.name]
        self._bounds = [entry.below for entry in characteristic.classes if entry.below is not None]
        self._categories = {
            value: index for index, entry in enumerate(characteristic.classes) for value in entry.values or ()
        }
        entries = [
            (label, entry.points) for label, entry in zip(labels(characteristic), characteristic.classes, strict=True)
        ]
        self._can_be_missing = characteristic.missing is not None
        if characteristic.missing is not None:
            entries.append((MISSING, characteristic.missing.points))
        average, missing = characteristic.average_points, len(characteristic.classes)
        self._points = [
            Points(characteristic.name, label, points, average, index == missing, index)
            for index, (label, points) in enumerate(entries)
        ]
        self.reasons = [
            Reason(characteristic.name, self._side(characteristic, entry), average - entry.points)
            # What rounds to the average is no reason: a missing value without effect has the rounded average.
            if average - entry.points > 0.5
            else None
            for entry in self._points
        ]

    def find(self, values: Values) -> Points:
        """The class of a value. Raises `InputError` when there must be one and is none."""
        value = values.get(self._field.name)
        if value is None:
            if self._can_be_missing:
                return self._points[-1]
            raise InputError(self._field.path, "is required by the model")
        if self._categories:
            index = self._categories.get(value)
            if index is not None:
                return self._points[index]
            if self._can_be_missing:
                return self._points[-1]
            raise InputError(self._field.path, f"the model knows {', '.join(self._categories)}")
        return self._points[bisect_right(self._bounds, value)]

    def _side(self, characteristic: CardCharacteristic, points: Points) -> reasons.Side:
        if points.missing:
            return "Missing"
        if self._field.kind == "category":
            return ""
        best = max(range(len(characteristic.classes)), key=lambda index: characteristic.classes[index].points)
        return "Low" if points.index < best else "High"


MISSING = "missing"


def labels(characteristic: CardCharacteristic) -> list[str]:
    """The name of each class, such as `< 10`, `10 - < 20`, `>= 20` or `car, wedding`."""
    classes = characteristic.classes
    if CHARACTERISTICS[characteristic.name].kind == "category":
        return [", ".join(entry.values or ()) for entry in classes]
    bounds = [_short(entry.below) for entry in classes if entry.below is not None]
    if not bounds:
        return ["all"]
    between = [f"{low} - < {high}" for low, high in pairwise(bounds)]
    return [f"< {bounds[0]}", *between, f">= {bounds[-1]}"]


def reference_counts(characteristic: CardCharacteristic) -> list[int]:
    """The loans of the training set in each class; the last count is that of missing values."""
    missing = characteristic.missing.count if characteristic.missing else 0
    return [*(entry.count for entry in characteristic.classes), missing]


class _Predictor:
    """A regression. Missing numbers have their term's replacement; a missing category is none of the term's."""

    def __init__(self, regression: Regression) -> None:
        self._intercept = regression.intercept
        self._terms: list[Callable[[Values], float]] = [_term(term) for term in regression.terms]

    def __call__(self, values: Values) -> float:
        return self._intercept + sum([term(values) for term in self._terms])


def _term(term: Term) -> Callable[[Values], float]:
    name, coefficient = term.name, term.coefficient
    if term.values is not None:
        categories = frozenset(term.values)
        return lambda values: coefficient if values.get(name) in categories else 0.0
    low = -math.inf if term.minimum is None else term.minimum
    high = math.inf if term.maximum is None else term.maximum
    replacement = term.missing

    def number(values: Values) -> float:
        value = values.get(name)
        if value is None:
            value = replacement
        if value is None:
            raise InputError(CHARACTERISTICS[name].path, "is required by the model")
        return coefficient * min(max(value, low), high)

    return number


def _measured(values: Values, month: str) -> dict[str, Any]:
    """The known values, months as their number before the application. Raises `InputError` for what is impossible."""
    measured: dict[str, Any] = {}
    for name, value in values.items():
        if value is not None and (characteristic := CHARACTERISTICS.get(name)):
            convert = _category if characteristic.kind == "category" else _number
            measured[name] = convert(characteristic, value, month)
    return measured


def _category(characteristic: Characteristic, value: Any, _month: str) -> str:
    if not isinstance(value, str):
        raise InputError(characteristic.path, "must be a text")
    return value


def _number(characteristic: Characteristic, value: Any, month: str) -> float:
    if characteristic.kind == "month":
        try:
            value = months_between(value, month)
        except (TypeError, ValueError) as error:
            raise InputError(characteristic.path, "must be a month: YYYY-MM") from error
        if value < 0:
            raise InputError(characteristic.path, "is after the application")
    if not isinstance(value, int | float):
        raise InputError(characteristic.path, "must be a number")
    # NaN is in no range.
    if not characteristic.minimum <= value <= characteristic.maximum:
        raise InputError(
            characteristic.path, f"must be from {characteristic.minimum:,g} to {characteristic.maximum:,.12g}"
        )
    return float(value)


def _required(values: Values, name: str) -> float:
    if name not in values:
        raise InputError(CHARACTERISTICS[name].path, "is required")
    return float(values[name])


def _clip(value: float) -> float:
    return min(max(value, 0.0), 1.0)


def _within_a_year(default: float, term: float, timing: Sequence[DefaultShare]) -> float | None:
    """The probability of default within 12 months: interpolated between a year and the terms, the last one's beyond."""
    if not timing:
        return None
    if term <= _YEAR.term_months:
        return default
    position = bisect_right([entry.term_months for entry in timing], term)
    if position == len(timing):
        return default * timing[-1].share
    low, high = timing[position - 1] if position else _YEAR, timing[position]
    part = (term - low.term_months) / (high.term_months - low.term_months)
    return default * (low.share + part * (high.share - low.share))


def _short(number: float | None) -> str:
    return f"{number:.10g}"
