"""Reads a file of loans: CSV or CSV.gz, line by line, within limits on rows, bytes and lines.

A row that cannot be used is counted by reason with its line; none is left out silently.
"""

import codecs
import csv
import hashlib
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import BinaryIO, TypeVar

import msgspec
import numpy as np

from lambda_src.credit_risk.characteristics import CHARACTERISTICS
from lambda_src.credit_risk.text_lines import MAX_TEXT_BYTES, PIECE_BYTES, DamagedFileError, pieces
from lambda_src.credit_risk.training.columns import (
    AMOUNTS,
    CHARACTERISTIC_COLUMNS,
    NUMBERS,
    REQUIRED,
    NotFinishedError,
    is_blank,
    to_bad,
    to_category,
    to_month,
)
from lambda_src.credit_risk.training.loans import Loans
from lambda_src.credit_risk.training.settings import Rejection, TrainingError

MAX_ROWS = 500_000
MAX_BYTES = MAX_TEXT_BYTES
_MAX_LINE = 1_000_000
_MAX_CATEGORIES = 100
_EXAMPLES = 5
_NONE = float("nan")
_Value = TypeVar("_Value")
_CATEGORIES = tuple(
    (column, name) for column, name in CHARACTERISTIC_COLUMNS.items() if CHARACTERISTICS[name].kind == "category"
)


class LoanFile(msgspec.Struct, frozen=True, kw_only=True):
    """The loans of a file. `digest`: the SHA-256 of the file as it is; `rows`: with the rejected ones."""

    loans: Loans
    digest: str
    rows: int
    rejections: tuple[Rejection, ...]

    @property
    def rejected(self) -> int:
        return sum(rejection.count for rejection in self.rejections)


def read(file: BinaryIO, max_rows: int = MAX_ROWS, max_bytes: int = MAX_BYTES) -> LoanFile:
    """Reads loans. `max_bytes` limits the decompressed text.

    Raises `TrainingError` for a file that is no CSV, lacks a column, is too large, or has no usable row.
    """
    source = _Source(file, max_bytes)
    rows = csv.reader(source.lines(), strict=True)
    try:
        header = next(rows, None)
        if header is None:
            raise TrainingError("the file is empty")
        reader = _Reader([name.strip() for name in header])
        count = 0
        for row in rows:
            if not row:
                continue
            count += 1
            if count > max_rows:
                raise TrainingError(f"the file has more than {max_rows:,} rows")
            reader.add(row, rows.line_num)
    except csv.Error as error:
        raise TrainingError(f"line {rows.line_num}: not CSV ({error})") from error
    return LoanFile(loans=reader.loans(), digest=source.digest, rows=count, rejections=reader.rejections)


class _Source:
    """The lines of a file, decompressed and decoded within limits."""

    def __init__(self, file: BinaryIO, max_bytes: int) -> None:
        self._file = file
        self._max_bytes = max_bytes
        self._hash = hashlib.sha256()

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def lines(self) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8-sig")()
        rest, size = "", 0
        try:
            for chunk in pieces(self._next):
                size += len(chunk)
                if size > self._max_bytes:
                    raise TrainingError(f"the file has more than {self._max_bytes:,} bytes, decompressed")
                *lines, rest = (rest + decoder.decode(chunk)).split("\n")
                yield from (line + "\n" for line in lines)
                if len(rest) > _MAX_LINE:
                    raise TrainingError(f"a line has more than {_MAX_LINE:,} characters")
            rest += decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            raise TrainingError("the file is not UTF-8") from error
        except DamagedFileError as error:
            raise TrainingError(str(error)) from error
        if rest:
            yield rest

    def _next(self) -> bytes:
        chunk = self._file.read(PIECE_BYTES)
        self._hash.update(chunk)
        return chunk


class _Reader:
    """Turns rows into columns."""

    def __init__(self, header: Sequence[str]) -> None:
        """Raises `TrainingError` naming the missing columns."""
        self._places = {name: place for place, name in enumerate(header)}
        if len(self._places) != len(header):
            raise TrainingError("two columns have the same name")
        missing = [name for name in REQUIRED if name not in self._places]
        if not self._places.keys() & set(AMOUNTS):
            missing.append(" or ".join(AMOUNTS))
        if missing:
            advice = "; separate the columns by commas" if len(header) == 1 and ";" in header[0] else ""
            raise TrainingError(f"the file has no column {', '.join(missing)}{advice}")
        self._width = len(header)
        self._amount = next(name for name in AMOUNTS if name in self._places)
        self._number_columns = [
            (column, name, NUMBERS[column])
            for column, name in CHARACTERISTIC_COLUMNS.items()
            if column in NUMBERS and column in self._places
        ]
        self._category_columns = [(column, name) for column, name in _CATEGORIES if column in self._places]
        self._numbers = {name: array("d") for _column, name, _convert in self._number_columns}
        self._numbers["amount"] = array("d")
        if "earliest_cr_line" in self._places:
            self._numbers["earliestCreditLine"] = array("d")
        self._codes = {name: array("q") for _column, name in self._category_columns}
        self._known: dict[str, dict[str, int]] = {name: {} for name in self._codes}
        self._ids, self._issued, self._stopped = array("q"), array("q"), array("q")
        self._bad, self._exposure, self._recovered = array("b"), array("d"), array("d")
        self._seen: set[int] = set()
        self._rejected: dict[str, tuple[int, list[int]]] = {}
        self._row = 0

    @property
    def rejections(self) -> tuple[Rejection, ...]:
        """By reason, the most frequent first."""
        items = sorted(self._rejected.items(), key=lambda item: (-item[1][0], item[0]))
        return tuple(Rejection(reason, count, tuple(lines)) for reason, (count, lines) in items)

    def add(self, row: Sequence[str], line: int) -> None:
        """Adds a row, or counts it as rejected."""
        self._row += 1
        try:
            self._add([field.strip() for field in row])
        except NotFinishedError:
            self._reject("loan_status: is neither paid back nor charged off", line)
        except _RowError as error:
            self._reject(str(error), line)

    def loans(self) -> Loans:
        """All loans. Raises `TrainingError` when there is none."""
        if not self._ids:
            reasons = "; ".join(f"{entry.count:,} x {entry.reason}" for entry in self.rejections[:3])
            raise TrainingError(f"the file has no usable row{': ' if reasons else ''}{reasons}")
        codes, names = {}, {}
        for name, known in self._known.items():
            # In alphabetical order, so that a model does not depend on the order of the rows.
            order = sorted(known)
            places = np.array([order.index(category) for category in known] or [-1], dtype=np.int64)
            raw = np.array(self._codes[name], dtype=np.int64)
            codes[name] = np.where(raw >= 0, places[raw], -1)
            names[name] = tuple(order)
        return Loans(
            ids=np.array(self._ids, dtype=np.int64),
            issued=np.array(self._issued, dtype=np.int64),
            bad=np.array(self._bad, dtype=np.bool_),
            exposure=np.array(self._exposure, dtype=np.float64),
            recovered=np.array(self._recovered, dtype=np.float64),
            stopped=np.array(self._stopped, dtype=np.int64),
            numbers={name: np.array(values, dtype=np.float64) for name, values in self._numbers.items()},
            categories=codes,
            names=names,
        )

    def _reject(self, reason: str, line: int) -> None:
        count, lines = self._rejected.get(reason, (0, []))
        self._rejected[reason] = (count + 1, lines if len(lines) >= _EXAMPLES else [*lines, line])

    def _add(self, row: Sequence[str]) -> None:
        if len(row) != self._width:
            raise _RowError("the row has another number of fields than the header")
        field = {name: row[place] for name, place in self._places.items()}
        bad = to_bad(_given(field, "loan_status"))
        issued = _converted(field, "issue_d", to_month)
        amount = _converted(field, self._amount, NUMBERS[self._amount])
        _given(field, "term")
        numbers = {
            name: _NONE if is_blank(field[column]) else _converted(field, column, convert)
            for column, name, convert in self._number_columns
        }
        if "earliestCreditLine" in self._numbers:
            numbers["earliestCreditLine"] = _history(field, issued)
        numbers["amount"] = amount
        categories = {
            name: -1 if is_blank(field[column]) else self._code(name, _converted(field, column, to_category))
            for column, name in self._category_columns
        }
        exposure = recovered = 0.0
        stopped = -1
        if bad:
            exposure = min(max(amount - _converted(field, "total_rec_prncp", NUMBERS["total_rec_prncp"]), 0.0), amount)
            recovered = _converted(field, "recoveries", NUMBERS["recoveries"])
            stopped = _stopped(field, issued)
        # Last: nothing is stored of a row that is rejected.
        self._ids.append(self._id(field))
        self._issued.append(issued)
        self._bad.append(bad)
        self._exposure.append(exposure)
        self._recovered.append(recovered)
        self._stopped.append(stopped)
        for name, values in self._numbers.items():
            values.append(numbers[name])
        for name, codes in self._codes.items():
            codes.append(categories[name])

    def _id(self, field: Mapping[str, str]) -> int:
        """The loan's number, or the row's in a file without."""
        if "id" not in field:
            return self._row
        text = field["id"]
        if not (text.isascii() and text.isdecimal() and len(text) <= 18):
            raise _RowError("id: is no whole number")
        number = int(text)
        if number in self._seen:
            raise _RowError("id: is listed twice")
        self._seen.add(number)
        return number

    def _code(self, name: str, category: str) -> int:
        known = self._known[name]
        if category not in known and len(known) >= _MAX_CATEGORIES:
            raise TrainingError(f"{name} has more than {_MAX_CATEGORIES} categories")
        return known.setdefault(category, len(known))


class _RowError(Exception):
    """Why a row cannot be used."""


def _given(field: Mapping[str, str], column: str) -> str:
    if is_blank(field[column]):
        raise _RowError(f"{column}: is missing")
    return field[column]


def _converted(field: Mapping[str, str], column: str, convert: Callable[[str], _Value]) -> _Value:
    try:
        return convert(_given(field, column))
    except ValueError as error:
        raise _RowError(f"{column}: {error}") from error


def _history(field: Mapping[str, str], issued: int) -> float:
    if is_blank(field["earliest_cr_line"]):
        return _NONE
    months = issued - _converted(field, "earliest_cr_line", to_month)
    if not 0 <= months <= CHARACTERISTICS["earliestCreditLine"].maximum:
        raise _RowError("earliest_cr_line: is after the loan")
    return float(months)


def _stopped(field: Mapping[str, str], issued: int) -> int:
    """The month of the last payment: that of the loan when there was none; -1 in a file that does not say."""
    if "last_pymnt_d" not in field:
        return -1
    return issued if is_blank(field["last_pymnt_d"]) else _converted(field, "last_pymnt_d", to_month)
