"""The example files are what the API takes."""

import io
import time

from lambda_src.credit_risk import sample_models
from lambda_src.credit_risk.processing import applications, outcomes
from lambda_src.credit_risk.processing.rows import Columns, Row, look_at, read_rows
from lambda_src.credit_risk.training import reading
from lambda_src.credit_risk.validation import decode
from ui import credit_examples


def _rows(purpose: str, columns: Columns) -> list[tuple[Row, dict[str, str]]]:
    file = io.BytesIO(credit_examples.file(purpose).encode())
    header = look_at(file, columns).header
    return [(row, row.fields(header)) for row in read_rows(file, header.offset, 2)]


def test_the_example_of_applications_is_scored() -> None:
    model = decode(sample_models.read("champion"))
    rows = _rows("scoring", applications.columns(model))

    parsed = [applications.parse(fields, time.time()) for _, fields in rows]

    assert [application.application_id for application in parsed] == ["A-1", "A-2", "A-3"]
    assert all(value is not None for application in parsed for value in application.values.values())


def test_the_example_of_outcomes_is_read() -> None:
    parsed = [outcomes.parse(row, fields, time.time()) for row, fields in _rows("outcomes", outcomes.COLUMNS)]

    assert [outcome.outcome.defaulted for outcome in parsed] == [False, False, True]


def test_the_example_of_loans_is_read() -> None:
    loans = reading.read(io.BytesIO(credit_examples.file("training").encode()))

    assert (loans.rows, loans.rejections) == (2, ())
