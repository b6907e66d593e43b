"""Merges rankings from several indices."""

from collections.abc import Sequence
from itertools import chain, zip_longest

import msgspec

from lambda_src.hr_qa.ranking import Ranked


def interleave(rankings: Sequence[Sequence[Ranked]]) -> list[Ranked]:
    """The first of each ranking, then the second of each, and so on; scores are the inverse positions.

    The scores of two embedding models are not comparable, so only ranks are left to merge by.
    """
    merged = [each for each in chain.from_iterable(zip_longest(*rankings)) if each is not None]
    return [msgspec.structs.replace(each, score=1 / position) for position, each in enumerate(merged, 1)]
