"""The models of a stage that has none of its own, trained on made-up loans (`make credit-model`).

The champion uses grade and interest rate, the lender's own verdict; the challenger does without.
"""

from pathlib import Path
from typing import Literal

Name = Literal["champion", "challenger"]


def read(name: Name) -> bytes:
    """The model as JSON."""
    return (Path(__file__).parent / f"{name}.json").read_bytes()
