"""Reads models that others wrote. Whatever is wrong is named with its path; nothing is repaired."""

import math
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec

from lambda_src.credit_risk.characteristics import CHARACTERISTICS, Kind
from lambda_src.credit_risk.model import (
    Card,
    CardCharacteristic,
    Histogram,
    Model,
    Performance,
    Reference,
    Regression,
    ScoreClass,
    Term,
)
from lambda_src.credit_risk.protected import is_protected

# A model of all characteristics with 50 classes each has some 100 kB.
MAX_BYTES = 262_144
# A probability of 1e-13 is none that data can show.
_MAX_LOG_ODDS = 30
# msgspec's messages: "... - at `$.card.minimum`".
_PLACE = re.compile(r"(.*?)(?: - at `(?:key in `)?\$\.?([^`]*)`{1,2})?", re.DOTALL)


class ModelError(Exception):
    """A model is not usable. `path` is where, such as `card.characteristics[0].name`; "" is the document."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}" if path else reason)
        self.path = path
        self.reason = reason


def decode(raw: bytes | str) -> Model:
    """A model from JSON, its types and bounds checked. Raises `ModelError`."""
    if len(raw) > MAX_BYTES:
        raise ModelError("", f"a model may have {MAX_BYTES:,} bytes")
    try:
        return msgspec.json.decode(raw, type=Model)
    except msgspec.ValidationError as error:
        message, place = _PLACE.fullmatch(str(error)).groups()  # type: ignore[union-attr]
        raise ModelError(place or "", message) from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ModelError("", f"not JSON ({error})") from error


def check(model: Model) -> None:
    """Checks what types cannot say. Raises `ModelError`."""
    _check_card(model.card)
    for path, regression in (
        ("lossGivenDefault.recovers", model.loss_given_default.recovers),
        ("lossGivenDefault.rate", model.loss_given_default.rate),
        ("exposureAtDefault", model.exposure_at_default),
    ):
        for index, term in enumerate(regression.terms):
            _check_term(term, f"{path}.terms[{index}]")
        _check_repeats(regression, path)
    _check_ascending([entry.term_months for entry in model.default_timing], "defaultTiming", ".termMonths")
    for name, limits in model.training_ranges.items():
        path = f"trainingRanges.{name}"
        if _kind(name, path) == "category":
            raise ModelError(path, "a category has no range")
        if limits.minimum > limits.maximum:
            raise ModelError(path, "minimum is above maximum")
    _check_reference(model.reference, model.card)
    if model.performance is not None:
        _check_performance(model.performance)


def _check_card(card: Card) -> None:
    if card.minimum >= card.maximum:
        raise ModelError("card.minimum", "must be below maximum")
    _check_curve(card)
    names = set()
    lowest = highest = card.base_points
    for index, characteristic in enumerate(card.characteristics):
        path = f"card.characteristics[{index}]"
        kind = _kind(characteristic.name, f"{path}.name")
        if characteristic.name in names:
            raise ModelError(f"{path}.name", f"{characteristic.name} is listed twice")
        names.add(characteristic.name)
        _check_classes(characteristic.classes, kind, f"{path}.classes")
        points = list(_points(characteristic))
        if not min(points) <= characteristic.average_points <= max(points):
            raise ModelError(f"{path}.averagePoints", "must be between the points of the classes")
        lowest += min(points)
        highest += max(points)
    if lowest < card.minimum or highest > card.maximum:
        raise ModelError(
            "card.characteristics",
            f"scores reach from {lowest} to {highest}; the card's range is {card.minimum} to {card.maximum}",
        )


def _check_curve(card: Card) -> None:
    curve = card.probability_of_default
    if abs(curve.factor * math.log(2) / card.points_to_double_odds - 1) > 0.01:
        raise ModelError("card.pointsToDoubleOdds", "must be probabilityOfDefault.factor x ln 2")
    if max(abs(score - curve.offset) for score in (card.minimum, card.maximum)) > _MAX_LOG_ODDS * curve.factor:
        raise ModelError("card.probabilityOfDefault", "says that default is certain, or impossible, within the range")


def _points(characteristic: CardCharacteristic) -> Iterator[int]:
    yield from (entry.points for entry in characteristic.classes)
    if characteristic.missing is not None:
        yield characteristic.missing.points


def _check_classes(classes: Sequence[ScoreClass], kind: Kind, path: str) -> None:
    categories: set[str] = set()
    last = len(classes) - 1
    for index, entry in enumerate(classes):
        place = f"{path}[{index}]"
        if entry.bads > entry.count:
            raise ModelError(f"{place}.bads", "must not exceed count")
        if kind == "category":
            if entry.below is not None or entry.values is None:
                raise ModelError(place, "the class of a category has `values` and no `below`")
            _check_new(entry.values, categories, f"{place}.values")
        elif entry.values is not None:
            raise ModelError(place, "the class of a number has no `values`")
        elif index == last and entry.below is not None:
            raise ModelError(f"{place}.below", "the last class has no upper bound: it takes all other values")
        elif index != last and entry.below is None:
            raise ModelError(f"{place}.below", "is required in all classes but the last")
    if kind != "category":
        _check_ascending([entry.below for entry in classes if entry.below is not None], path, ".below")


def _check_new(values: Sequence[str], seen: set[str], path: str) -> None:
    for value in values:
        if value in seen:
            raise ModelError(path, f"{value} is in two classes")
        seen.add(value)


def _check_ascending(numbers: Sequence[float], path: str, field: str = "") -> None:
    for index, (number, following) in enumerate(pairwise(numbers), start=1):
        if number >= following:
            raise ModelError(f"{path}[{index}]{field}", "must be above the one before")


def _check_term(term: Term, path: str) -> None:
    kind = _kind(term.name, f"{path}.name")
    if (kind == "category") != (term.values is not None):
        raise ModelError(path, "a category has `values`, a number has none")
    if kind == "category" and not term.minimum is term.maximum is term.missing is None:
        raise ModelError(path, "only a number has `minimum`, `maximum` and `missing`")
    if term.minimum is not None and term.maximum is not None and term.minimum > term.maximum:
        raise ModelError(path, "minimum is above maximum")


def _check_repeats(regression: Regression, path: str) -> None:
    """A number has one term; the terms of a category are disjoint."""
    numbers: set[str] = set()
    categories: dict[str, set[str]] = {}
    for index, term in enumerate(regression.terms):
        place = f"{path}.terms[{index}]"
        if term.values is not None:
            _check_new(term.values, categories.setdefault(term.name, set()), f"{place}.values")
        elif term.name in numbers:
            raise ModelError(f"{place}.name", f"{term.name} is listed twice")
        numbers.add(term.name)


def _check_reference(reference: Reference | None, card: Card) -> None:
    loans = 0 if reference is None else reference.loans
    for index, characteristic in enumerate(card.characteristics):
        count = sum(entry.count for entry in characteristic.classes)
        count += characteristic.missing.count if characteristic.missing else 0
        if count != loans:
            path = f"card.characteristics[{index}].classes"
            reason = f"counts must add up to reference.loans ({loans:,})" if reference else "counts need a reference"
            raise ModelError(path, f"{reason}; their sum is {count:,}")
    if reference is None:
        return
    _check_ascending(reference.band_bounds, "reference.bandBounds")
    if len(reference.band_counts) != len(reference.band_bounds) + 1:
        raise ModelError("reference.bandCounts", "must have one number more than bandBounds")
    if sum(reference.band_counts) != loans:
        raise ModelError("reference.bandCounts", f"must add up to loans ({loans:,})")


def _check_performance(performance: Performance) -> None:
    for path, histogram in (("holdout", performance.holdout), ("outOfTime", performance.out_of_time)):
        if histogram is not None:
            _check_histogram(histogram, f"performance.{path}")
    for index, metrics in enumerate(performance.metrics):
        if metrics.bads > metrics.loans:
            raise ModelError(f"performance.metrics[{index}].bads", "must not exceed loans")
        for position, band in enumerate(metrics.calibration):
            path = f"performance.metrics[{index}].calibration[{position}]"
            if band.bads > band.loans:
                raise ModelError(f"{path}.bads", "must not exceed loans")
            if band.lowest > band.highest:
                raise ModelError(f"{path}.lowest", "must not exceed highest")
    for index, period in enumerate(performance.periods):
        path = f"performance.periods[{index}]"
        if period.bads > period.loans:
            raise ModelError(f"{path}.bads", "must not exceed loans")
        for position, shift in enumerate(period.characteristics):
            _kind(shift.name, f"{path}.characteristics[{position}].name")


def _check_histogram(histogram: Histogram, path: str) -> None:
    columns = (histogram.bads, histogram.amounts, histogram.expected_losses, histogram.losses)
    if any(len(column) != len(histogram.goods) for column in columns):
        raise ModelError(path, "all columns must have the same length")
    if not any(histogram.goods) and not any(histogram.bads):
        raise ModelError(path, "there is no loan")


def _kind(name: str, path: str) -> Kind:
    """The kind of a characteristic. Raises `ModelError` for one that a model may not use."""
    if is_protected(name):
        raise ModelError(path, f"{name} is a protected attribute, or stands for one: no score may rest on it")
    if name not in CHARACTERISTICS:
        raise ModelError(path, f"{name} is unknown; known are {', '.join(CHARACTERISTICS)}")
    return CHARACTERISTICS[name].kind
