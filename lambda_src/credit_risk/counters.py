"""Counters for monitoring: how many applications fell into which class, and how their loans ended.

An item per model, day of the application, subject and shard: `counters#<model>`, `<day>#<subject>#<shard>`, with a
number per attribute. Shards spread the writes, which would otherwise meet in one item. Counters have no personal data
and never expire. They are raised after a score is written, so that a crash loses some and never a score.

Subjects: `scores` (applications), `segments` (apart, because callers choose their names) and `outcomes` (finished
loans, by the day of their application). Rates are summed in millionths, money in hundredths, because attributes are
whole numbers.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec

from lambda_src.credit_risk.characteristics import CHARACTERISTICS
from lambda_src.credit_risk.model import Card
from lambda_src.credit_risk.models import Recommendation
from lambda_src.credit_risk.scorecard import Result, Scorecard
from lambda_src.shared.context import Deadline
from lambda_src.shared.table import Table, item_key

Subject = Literal["scores", "segments", "outcomes"]
Counts = Mapping[str, int]
SHARDS = 10
MILLIONTHS = 1_000_000
HUNDREDTHS = 100
# An expression may have 4 KB.
PER_UPDATE = 100
# Reading a page of 1 MB takes a part of this.
_PAGE_SECONDS = 2
# Fine bands, from which AUROC and cut-off tables are computed.
_FINE_BANDS = 110


class ScoreFacts(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What an outcome is compared with. Stored for each application, so that an outcome needs no other item.

    Rates are fractions; `exposure`, `expected_loss` and `amount` are money.
    """

    score_id: str
    model: str
    date: str
    score: int
    probability_of_default: float
    loss_given_default: float
    exposure: float
    expected_loss: float
    amount: float


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a loan ended. `balance` at default and `recovered` since then are money; None where they are unknown."""

    defaulted: bool
    balance: float | None = None
    recovered: float | None = None


def score_counts(
    scorecard: Scorecard, result: Result, recommendation: Recommendation, values: Mapping[str, Any]
) -> Counts:
    """What an application adds to the subject `scores`. `values` are the application's fields by name."""
    counts = {
        "n": 1,
        f"rec:{recommendation}": 1,
        "score": result.score,
        "pd": round(result.probability_of_default * MILLIONTHS),
    }
    for points in result.points:
        counts[class_counter(points.characteristic, points.index)] = 1
    for name in CHARACTERISTICS:
        if values.get(name) is None:
            counts[f"missing:{name}"] = 1
    if scorecard.model.reference is not None:
        counts[f"band:{scorecard.band(result.score)}"] = 1
    return counts


def segment_counts(segment: str, recommendation: Recommendation) -> Counts:
    """What an application adds to the subject `segments`."""
    return {f"n:{segment}": 1, f"a:{segment}": int(recommendation == "approve")}


def review_counts(*, first: bool, overturned: int) -> Counts:
    """What a review adds to the subject `scores`: `first` of its score, and the change of overturned scores."""
    return {name: value for name, value in (("reviewed", int(first)), ("overturned", overturned)) if value}


def outcome_counts(scorecard: Scorecard, facts: ScoreFacts, outcome: Outcome) -> Counts:
    """What a finished loan adds to the subject `outcomes`.

    An outcome that replaces another: add `negative(outcome_counts(...))` of the old one, too.
    """
    band = fine_band(scorecard.model.card, facts.score)
    default = round(facts.probability_of_default * MILLIONTHS)
    decile = scorecard.band(facts.score) if scorecard.model.reference is not None else 0
    counts = {
        "n": 1,
        "pd": default,
        f"cn:{decile}": 1,
        f"cp:{decile}": default,
        f"a:{band}": _hundredths(facts.amount),
        f"e:{band}": _hundredths(facts.expected_loss),
    }
    if not outcome.defaulted:
        return {**counts, f"g:{band}": 1}
    counts |= {"bads": 1, f"b:{band}": 1, f"cb:{decile}": 1}
    if outcome.balance is not None and outcome.recovered is not None:
        loss = max(0.0, outcome.balance - outcome.recovered)
        counts |= {
            f"l:{band}": _hundredths(loss),
            "defaults": 1,
            "exposurePredicted": _hundredths(facts.exposure),
            "exposureObserved": _hundredths(outcome.balance),
            "lossPredicted": _hundredths(facts.loss_given_default * outcome.balance),
            "lossObserved": _hundredths(loss),
        }
    return counts


def negative(counts: Counts) -> Counts:
    """The counts that take back others."""
    return {name: -value for name, value in counts.items()}


def add(sums: dict[str, int], counts: Counts) -> None:
    """Adds counts to sums: work on many rows adds up before it writes."""
    for name, value in counts.items():
        sums[name] = sums.get(name, 0) + value


def class_counter(characteristic: str, index: int) -> str:
    """The counter of a class; the missing one has the number after the last."""
    return f"class:{characteristic}:{index}"


def fine_band_width(card: Card) -> int:
    """The width in points of the bands that outcomes are counted in."""
    return max(1, -(-(card.maximum - card.minimum) // _FINE_BANDS))


def fine_bands(card: Card) -> int:
    """How many fine bands there are."""
    return (card.maximum - card.minimum) // fine_band_width(card) + 1


def fine_band(card: Card, score: int) -> int:
    """The number of a score's fine band, from 0."""
    return (score - card.minimum) // fine_band_width(card)


def without(subject: Subject, writes: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The writes of `Counters.writes` but for those of a subject."""
    return [write for write in writes if write["Update"]["Key"]["sk"]["S"].split("#")[1] != subject]


class DayCounts(msgspec.Struct, frozen=True):
    """Counters of one shard."""

    day: str
    subject: str
    counts: Counts


class Counters(Table):
    """The counters of one stage."""

    def __init__(self, *arguments: Any, shard: Callable[[], int] | None = None, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._shard = shard or (lambda: random.randrange(SHARDS))

    def add(self, model: str, day: str, subject: Subject, counts: Counts) -> None:
        """Raises counters. `day`: of the application, YYYY-MM-DD. Raises `Unavailable`; some may then be raised."""
        key = item_key(_partition(model), f"{day}#{subject}#{self._shard()}")
        for part in _parts(counts):
            self._call("update_item", Key=key, **_addition(part))

    def writes(self, model: str, day: str, subject: Subject, counts: Counts) -> list[dict[str, Any]]:
        """`add` as writes of a transaction. Their shards are apart: they never collide with single applications."""
        return [
            {
                "Update": {
                    "TableName": self._table,
                    "Key": item_key(_partition(model), f"{day}#{subject}#files-{number}"),
                    **_addition(part),
                }
            }
            for number, part in enumerate(_parts(counts))
        ]

    def read(self, model: str, first: str, last: str, deadline: Deadline) -> Iterator[DayCounts]:
        """The counters from day to day, both included, in order of the days. Raises `DeadlineExceeded`."""
        cursor: str | None = None
        while True:
            deadline.require(_PAGE_SECONDS)
            # `~` sorts after all characters of a subject.
            page = self._query(_partition(model), cursor=cursor, between=(first, f"{last}#~"), forward=True)
            for item in page.items:
                day, subject, _ = item["sk"]["S"].split("#")
                yield DayCounts(day, subject, {name: int(value["N"]) for name, value in item.items() if "N" in value})
            cursor = page.cursor
            if cursor is None:
                return

    def read_all(self, model: str, deadline: Deadline) -> Iterator[DayCounts]:
        """All counters of a model. Raises `DeadlineExceeded`."""
        return self.read(model, "0", "9", deadline)


def _parts(counts: Counts) -> Iterator[list[tuple[str, int]]]:
    entries = list(counts.items())
    for start in range(0, len(entries), PER_UPDATE):
        yield entries[start : start + PER_UPDATE]


def _addition(part: Sequence[tuple[str, int]]) -> dict[str, Any]:
    """An update that adds to attributes."""
    return {
        "UpdateExpression": "ADD " + ", ".join(f"#{number} :{number}" for number in range(len(part))),
        "ExpressionAttributeNames": {f"#{number}": name for number, (name, _) in enumerate(part)},
        "ExpressionAttributeValues": {f":{number}": {"N": str(value)} for number, (_, value) in enumerate(part)},
    }


def _partition(model: str) -> str:
    return f"counters#{model}"


def _hundredths(money: float) -> int:
    return round(money * HUNDREDTHS)
