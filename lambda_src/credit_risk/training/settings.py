"""What a training is asked for, and how it fails. Imports no numpy: the API's function has none."""

from collections.abc import Callable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

# The names of the steps, in order. Reading is the caller's.
Step = Literal["reading", "classing", "selecting", "losses", "measuring"]
OnStep = Callable[[Step], None]


class TrainingError(Exception):
    """The data or the settings do not allow a model. The message says what is missing."""


class TrainingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`exclude`: characteristics that neither the card nor the loss models may use.

    Loans made from the month `test_from` (YYYY-MM) on are for the test only; by default the last twelve months of the
    data. `minimum` and `maximum` are the scale of the scores.
    """

    name: str
    currency: str = "USD"
    sample: bool = False
    exclude: tuple[str, ...] = ()
    minimum: Annotated[int, Meta(ge=0, le=100_000)] = 300
    maximum: Annotated[int, Meta(ge=0, le=100_000)] = 850
    maximum_p_value: float = 0.05
    minimum_information_value: float = 0.01
    test_from: str | None = None


class Rejection(msgspec.Struct, frozen=True, rename="camel"):
    """Rows that could not be used, for one reason. `lines`: the first of them, counted from 1, the header's."""

    reason: str
    count: int
    lines: tuple[int, ...]
