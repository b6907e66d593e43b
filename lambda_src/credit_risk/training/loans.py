"""Finished loans as columns."""

from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Loans(msgspec.Struct, frozen=True, kw_only=True):
    """One row per loan, in the order of the file.

    `numbers`: characteristic -> values, NaN where missing; a month is the months of credit history at issue.
    `categories`: characteristic -> numbers of its `names`, -1 where missing. `issued` and `stopped` are months since
    year 0: when the loan was made, and the last payment of a bad loan, or else -1. `exposure`: the principal owed at
    default; `recovered`: what was received after it. Both are 0 for a good loan. Money.
    """

    ids: Integers
    issued: Integers
    bad: Flags
    exposure: Floats
    recovered: Floats
    stopped: Integers
    numbers: Mapping[str, Floats]
    categories: Mapping[str, Integers]
    names: Mapping[str, tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def amounts(self) -> Floats:
        return self.numbers["amount"]

    @property
    def losses(self) -> Floats:
        """What was lost. Recoveries beyond the principal, which pay interest, are none of the model's."""
        return np.maximum(self.exposure - self.recovered, 0.0)

    def only(self, rows: Flags) -> "Loans":
        """Some of the loans."""
        return Loans(
            ids=self.ids[rows],
            issued=self.issued[rows],
            bad=self.bad[rows],
            exposure=self.exposure[rows],
            recovered=self.recovered[rows],
            stopped=self.stopped[rows],
            numbers={name: values[rows] for name, values in self.numbers.items()},
            categories={name: codes[rows] for name, codes in self.categories.items()},
            names=self.names,
        )
