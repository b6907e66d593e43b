"""Rows of tables as text."""

from collections.abc import Sequence

# White space, so that a row is verbatim but for spaces.
CELL_SEPARATOR = "\t"


def row_text(cells: Sequence[str]) -> str:
    """A table's row as text. Blank cells keep their place."""
    return CELL_SEPARATOR.join(cells).rstrip(CELL_SEPARATOR)
