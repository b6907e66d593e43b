"""Minimum figures for retrieval."""

import math
from pathlib import Path

import msgspec

from dev.evaluation.figures import Figures
from dev.local.paths import ROOT

PATH = ROOT / "dev" / "evaluation" / "baseline.json"
COMPARED = ("recall@5", "mrr@10")
_MARGIN = 0.01


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """Figures `measured` by the command `made_by`; `at_least` is 0.01 lower, rounded down to hundredths."""

    made_by: str
    stage: str
    date: str
    questions: str
    count: int
    measured: dict[str, float]
    at_least: dict[str, float]


def baseline(figures: Figures) -> Baseline:
    """Creates a baseline from the figures of all questions."""
    overall = figures.retrieval["all"]
    return Baseline(
        made_by=f"python -m dev.evaluation --stage {figures.stage} --retrieval-only --baseline",
        stage=figures.stage,
        date=figures.date,
        questions=figures.questions,
        count=overall.count,
        measured={name: round(overall.measures[name], 4) for name in COMPARED},
        at_least={name: math.floor((overall.measures[name] - _MARGIN) * 100 + 1e-9) / 100 for name in COMPARED},
    )


def read(path: Path = PATH) -> Baseline:
    """Raises `msgspec.ValidationError`."""
    return msgspec.json.decode(path.read_bytes(), type=Baseline)


def shortfalls(figures: Figures, expected: Baseline) -> list[str]:
    """Describes each figure that is below the baseline or not comparable with it."""
    overall = figures.retrieval["all"]
    if overall.count != expected.count:
        return [f"{overall.count} questions were searched, the baseline has {expected.count}"]
    return [
        f"{name} is {overall.measures[name]:.4f}, at least {least:.2f} is required"
        for name, least in expected.at_least.items()
        if overall.measures[name] < least
    ]
