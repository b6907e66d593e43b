"""The retrieval's figures that a change must not fall under."""

import math
from pathlib import Path

import msgspec

from dev.evaluation.figures import Figures
from dev.local.paths import ROOT

PATH = ROOT / "dev" / "evaluation" / "baseline.json"
KEPT = ("recall@5", "mrr@10")
_MARGIN = 0.01


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """`measured` by the command `made_by`; `at_least`: 0.01 less, rounded down to hundredths."""

    made_by: str
    stage: str
    date: str
    questions: str
    count: int
    measured: dict[str, float]
    at_least: dict[str, float]


def baseline(figures: Figures) -> Baseline:
    """What the figures of all questions demand from now on."""
    overall = figures.retrieval["all"]
    return Baseline(
        made_by=f"python -m dev.evaluation --stage {figures.stage} --retrieval-only --baseline",
        stage=figures.stage,
        date=figures.date,
        questions=figures.questions,
        count=overall.count,
        measured={name: round(overall.measures[name], 4) for name in KEPT},
        at_least={name: math.floor((overall.measures[name] - _MARGIN) * 100 + 1e-9) / 100 for name in KEPT},
    )


def read(path: Path = PATH) -> Baseline:
    """Raises `msgspec.ValidationError`."""
    return msgspec.json.decode(path.read_bytes(), type=Baseline)


def shortfalls(figures: Figures, known: Baseline) -> list[str]:
    """A line for each figure that is under its baseline, or that cannot be compared with it."""
    overall = figures.retrieval["all"]
    if overall.count != known.count:
        return [f"{overall.count} questions were searched for, the baseline has {known.count}"]
    return [
        f"{name} is {overall.measures[name]:.4f}, at least {least:.2f} is demanded"
        for name, least in known.at_least.items()
        if overall.measures[name] < least
    ]
