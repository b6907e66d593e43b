"""What a slice adds to the files that callers download.

No cell has text of the uploaded file, apart from the application's id, which begins with a letter or a digit: a
spreadsheet takes no cell for a formula.
"""

import csv
import io
import re
import zlib
from collections.abc import Iterable

from lambda_src.credit_risk.batch_files import Output
from lambda_src.credit_risk.processing.errors import RowError

# For zlib: with the header of gzip, without a time.
_GZIP = 31
_APPLICATION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}")
_COLUMNS: dict[Output, tuple[str, ...]] = {
    "scores": (
        "line",
        "applicationId",
        "score",
        "probabilityOfDefault",
        "probabilityOfDefault12Months",
        "lossGivenDefault",
        "creditConversionFactor",
        "exposureAtDefault",
        "expectedLoss",
        "recommendation",
        "reasonCodes",
        "reasons",
        "warnings",
        "model",
        "modelVersion",
    ),
    "rejected": ("line", "applicationId", "field", "reason"),
}


class Table:
    """Rows of an output, in memory until the slice ends."""

    def __init__(self) -> None:
        self._text = io.StringIO()
        self._writer = csv.writer(self._text, lineterminator="\n")

    def add(self, cells: Iterable[object]) -> None:
        """Adds a row."""
        self._writer.writerow(cells)

    def add_rejected(self, line: int, application_id: str | None, error: RowError) -> None:
        """Adds a rejected row. An id of the wrong form is left out."""
        known = application_id if application_id and _APPLICATION_ID.fullmatch(application_id) else ""
        self.add((line, known, error.field, error.reason))

    def compressed(self) -> bytes:
        """The rows as a gzip file: the same bytes for the same rows."""
        return zlib.compress(self._text.getvalue().encode(), wbits=_GZIP)


def head(output: Output) -> bytes:
    """The first line of an output, as a gzip file."""
    table = Table()
    table.add(_COLUMNS[output])
    return table.compressed()
