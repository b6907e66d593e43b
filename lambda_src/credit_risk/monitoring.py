"""Compares what a model scored with what it was made from. Reads counters only, never an application."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from lambda_src.credit_risk import psi
from lambda_src.credit_risk.characteristics import CHARACTERISTICS
from lambda_src.credit_risk.counters import (
    HUNDREDTHS,
    MILLIONTHS,
    Counts,
    DayCounts,
    add,
    class_counter,
    fine_band_width,
    fine_bands,
)
from lambda_src.credit_risk.cut_offs import CutOffError
from lambda_src.credit_risk.measures import auroc, auroc_interval, calibration, gini, ks
from lambda_src.credit_risk.model import Card, CardCharacteristic, Histogram, Model
from lambda_src.credit_risk.models import (
    BandCount,
    CalibrationRow,
    CharacteristicMonitoring,
    ClassCount,
    Comparison,
    MonitoringPeriod,
    OutcomeMonitoring,
    PeriodLength,
    SegmentMonitoring,
)
from lambda_src.credit_risk.scorecard import MISSING, labels

# A group with fewer applications is not the one that others are compared with.
MINIMUM_SEGMENT = 30
# The largest groups; callers choose their names.
_SEGMENTS = 50


class Sums(msgspec.Struct):
    """The counters of one period by subject."""

    scores: dict[str, int] = {}
    segments: dict[str, int] = {}
    outcomes: dict[str, int] = {}

    def add(self, row: DayCounts) -> None:
        """Adds the counters of a shard."""
        add(getattr(self, row.subject), row.counts)


class Shift(msgspec.Struct, frozen=True):
    """How far a distribution moved. `noise`: what chance alone gives."""

    index: float
    noise: float
    level: psi.Level

    @property
    def signal(self) -> float:
        """The index if it means anything, else 0: alarms compare it with their threshold."""
        return 0.0 if self.index <= self.noise else self.index


def by_period(rows: Iterable[DayCounts], length: PeriodLength) -> dict[str, Sums]:
    """The sums of each period that has a counter, in ascending order."""
    periods: dict[str, Sums] = {}
    for row in rows:
        periods.setdefault(period_of(row.day, length), Sums()).add(row)
    return periods


def period_of(day: str, length: PeriodLength) -> str:
    """The period of a day: itself, `2026-01` or `2026Q1`."""
    if length == "day":
        return day
    return day[:7] if length == "month" else f"{day[:4]}Q{(int(day[5:7]) + 2) // 3}"


def report(model: Model, period: str, sums: Sums) -> MonitoringPeriod:
    """What a model did in a period."""
    scores = sums.scores
    applications = scores.get("n", 0)
    shift = score_shift(model, scores)
    return MonitoringPeriod(
        period=period,
        applications=applications,
        score_psi=shift.index if shift else UNSET,
        noise=shift.noise if shift else UNSET,
        level=shift.level if shift else "stable",
        bands=_bands(model, scores) if shift else [],
        characteristics=[
            CharacteristicMonitoring(entry.name, moved.index, moved.noise, moved.level, _classes(entry, scores))
            for entry, moved in characteristic_shifts(model, scores)
        ],
        mean_score=_ratio(scores.get("score", 0), applications),
        mean_probability_of_default=_ratio(scores.get("pd", 0) / MILLIONTHS, applications),
        approval_rate=_ratio(scores.get("rec:approve", 0), applications),
        recommendations={name: scores.get(f"rec:{name}", 0) for name in ("approve", "refer", "decline")},
        override_rate=_ratio(scores.get("overturned", 0), applications),
        reviews=scores.get("reviewed", 0),
        missing_rates={
            name: scores.get(f"missing:{name}", 0) / applications for name in CHARACTERISTICS if applications
        },
        outcomes=_outcomes(model, sums.outcomes) if sums.outcomes.get("n", 0) > 0 else UNSET,
        segments=_segments(sums.segments) or UNSET,
    )


def score_shift(model: Model, scores: Counts) -> Shift | None:
    """How far the scores moved; None without a reference or without applications."""
    if model.reference is None:
        return None
    expected = model.reference.band_counts
    return _shift(expected, [scores.get(f"band:{index}", 0) for index in range(len(expected))])


def characteristic_shifts(model: Model, scores: Counts) -> list[tuple[CardCharacteristic, Shift]]:
    """How far each characteristic of the card moved, as far as the counters show."""
    if model.reference is None:
        return []
    shifts = ((entry, _shift(_expected(entry), _actual(entry, scores))) for entry in model.card.characteristics)
    return [(entry, shift) for entry, shift in shifts if shift]


def calibration_ratio(outcomes: Counts) -> float | None:
    """Observed by predicted defaults; None without a prediction."""
    predicted = outcomes.get("pd", 0) / MILLIONTHS
    return outcomes.get("bads", 0) / predicted if predicted > 0 else None


def production_histogram(card: Card, rows: Iterable[DayCounts]) -> Histogram:
    """The finished loans by score. Raises `CutOffError` when there is none."""
    sums = Sums()
    for row in rows:
        if row.subject == "outcomes":
            sums.add(row)
    if sums.outcomes.get("n", 0) <= 0:
        raise CutOffError("no outcome of a loan is known yet")
    bands = range(fine_bands(card))

    def column(name: str) -> list[int]:
        return [max(0, sums.outcomes.get(f"{name}:{band}", 0)) for band in bands]

    def money(name: str) -> list[float]:
        return [value / HUNDREDTHS for value in column(name)]

    return Histogram(
        first=card.minimum,
        width=fine_band_width(card),
        goods=column("g"),
        bads=column("b"),
        amounts=money("a"),
        expected_losses=money("e"),
        losses=money("l"),
    )


def _shift(expected: list[int], actual: list[int]) -> Shift | None:
    if sum(expected) <= 0 or sum(actual) <= 0:
        return None
    # A class without a loan in both cannot differ.
    classes = sum(bool(old or new) for old, new in zip(expected, actual, strict=True))
    index = psi.psi(expected, actual)
    sizes: dict[str, Any] = {"classes": classes, "expected": sum(expected), "actual": sum(actual)}
    return Shift(index, psi.noise(**sizes), psi.level(index, **sizes))


def _bands(model: Model, scores: Counts) -> list[BandCount]:
    assert model.reference is not None
    expected, bounds = model.reference.band_counts, model.reference.band_bounds
    actual = [scores.get(f"band:{index}", 0) for index in range(len(expected))]
    return [
        BandCount(old / sum(expected), new / sum(actual), bounds[index] if index < len(bounds) else UNSET)
        for index, (old, new) in enumerate(zip(expected, actual, strict=True))
    ]


def _expected(characteristic: CardCharacteristic) -> list[int]:
    missing = [characteristic.missing.count] if characteristic.missing else []
    return [*(entry.count for entry in characteristic.classes), *missing]


def _actual(characteristic: CardCharacteristic, scores: Counts) -> list[int]:
    classes = range(len(_expected(characteristic)))
    return [scores.get(class_counter(characteristic.name, index), 0) for index in classes]


def _classes(characteristic: CardCharacteristic, scores: Counts) -> list[ClassCount]:
    expected, actual = _expected(characteristic), _actual(characteristic, scores)
    names = [*labels(characteristic), *([MISSING] if characteristic.missing else [])]
    return [
        ClassCount(name, old / sum(expected), new / sum(actual))
        for name, old, new in zip(names, expected, actual, strict=True)
    ]


def _outcomes(model: Model, outcomes: Counts) -> OutcomeMonitoring:
    loans, bads = outcomes["n"], outcomes.get("bads", 0)
    return OutcomeMonitoring(
        count=loans,
        bads=bads,
        bad_rate=bads / loans,
        mean_probability_of_default=outcomes.get("pd", 0) / MILLIONTHS / loans,
        calibration=_calibration(model, outcomes),
        **_separation(model.card, outcomes),
        **_losses(outcomes),
    )


def _separation(card: Card, outcomes: Counts) -> dict[str, Any]:
    bands = range(fine_bands(card))
    goods, bads = ([max(0, outcomes.get(f"{name}:{band}", 0)) for band in bands] for name in ("g", "b"))
    if not sum(goods) or not sum(bads):
        return {}
    area = auroc(goods, bads)
    interval = auroc_interval(area, sum(goods), sum(bads))
    return {"auroc": area, "auroc_interval": interval, "gini": gini(area), "ks": ks(goods, bads)[0]}


def _calibration(model: Model, outcomes: Counts) -> list[CalibrationRow]:
    bounds = model.reference.band_bounds if model.reference else []
    names = band_names(bounds)
    loans, bads = ([max(0, outcomes.get(f"{name}:{index}", 0)) for index in range(len(names))] for name in ("cn", "cb"))
    predicted = [outcomes.get(f"cp:{index}", 0) / MILLIONTHS for index in range(len(names))]
    shown = [name for name, count in zip(names, loans, strict=True) if count > 0]
    return [
        CalibrationRow(
            band=name,
            loans=int(band.loans),
            predicted=band.predicted,
            observed=band.observed,
            interval=band.interval,
            fits=band.fits,
        )
        for name, band in zip(shown, calibration(loans, bads, predicted), strict=True)
    ]


def _losses(outcomes: Counts) -> dict[str, Any]:
    defaults, exposure = outcomes.get("defaults", 0), outcomes.get("exposureObserved", 0)
    if defaults <= 0 or exposure <= 0:
        return {}
    return {
        "loss_given_default": Comparison(
            outcomes.get("lossPredicted", 0) / exposure, outcomes.get("lossObserved", 0) / exposure
        ),
        "exposure": Comparison(
            outcomes.get("exposurePredicted", 0) / HUNDREDTHS / defaults, exposure / HUNDREDTHS / defaults
        ),
    }


def _segments(counts: Counts) -> list[SegmentMonitoring]:
    sizes = {name.removeprefix("n:"): count for name, count in counts.items() if name.startswith("n:")}
    largest = sorted(sizes, key=lambda name: (-sizes[name], name))[:_SEGMENTS]
    rates = {name: counts.get(f"a:{name}", 0) / sizes[name] for name in largest if sizes[name] > 0}
    best = max((rate for name, rate in rates.items() if sizes[name] >= MINIMUM_SEGMENT), default=0.0)
    return [SegmentMonitoring(name, sizes[name], rate, _ratio(rate, best)) for name, rate in rates.items()]


def band_names(bounds: list[int]) -> list[str]:
    """The names of bands between bounds, such as `< 575`, `575 - < 611` and `>= 611`."""
    if not bounds:
        return ["all"]
    between = [f"{low} - < {high}" for low, high in pairwise(bounds)]
    return [f"< {bounds[0]}", *between, f">= {bounds[-1]}"]


def _ratio(part: float, total: float) -> float | UnsetType:
    return part / total if total else UNSET


def is_enough(counts: Mapping[str, int], minimum: int) -> bool:
    """Whether there are enough applications or loans to say anything."""
    return counts.get("n", 0) >= minimum
