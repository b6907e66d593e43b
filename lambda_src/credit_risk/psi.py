"""Population stability: how far a distribution moved from the training set's. Needs counts only.

PSI = sum of (actual - expected) x ln(actual / expected) over the classes, with shares. The same sum over the classes of
a characteristic is its CSI.
"""

import math
from collections.abc import Sequence
from typing import Literal

Level = Literal["stable", "watch", "alarm"]
WATCH = 0.1
ALARM = 0.25
# Fewer applications say nothing about a population.
MINIMUM_APPLICATIONS = 500


def psi(expected: Sequence[float], actual: Sequence[float]) -> float:
    """The index of two lists of counts, of the same classes in the same order.

    An empty class is taken as half a loan: its logarithm would be infinite. A class empty in both is left out.
    Raises `ValueError` for lists of unequal length and when one has no loan.
    """
    if len(expected) != len(actual):
        raise ValueError("both distributions must have the same classes")
    expected_total, actual_total = sum(expected), sum(actual)
    if expected_total <= 0 or actual_total <= 0:
        raise ValueError("a distribution needs at least one loan")
    index = 0.0
    for reference, current in zip(expected, actual, strict=True):
        if reference or current:
            old = (reference or 0.5) / expected_total
            new = (current or 0.5) / actual_total
            index += (new - old) * math.log(new / old)
    return index


def noise(classes: int, expected: float, actual: float) -> float:
    """The index that samples of these sizes have on average when nothing changed: (classes - 1) (1/n + 1/m)."""
    return (classes - 1) * (1 / expected + 1 / actual)


def level(index: float, *, classes: int, expected: float, actual: float) -> Level:
    """What an index calls for, given how many loans it compares. Never an alarm from few loans or about noise."""
    if actual < MINIMUM_APPLICATIONS or index <= noise(classes, expected, actual):
        return "stable"
    if index >= ALARM:
        return "alarm"
    return "watch" if index >= WATCH else "stable"
