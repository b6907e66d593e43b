"""Reads the rows of a CSV file. A row is a line: its mistakes, an open quote included, end with it.

No line breaks are therefore allowed within fields. None of the columns needs them.
"""

import csv
import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import BinaryIO

import msgspec

from lambda_src.credit_risk.processing.errors import FileError, RowError
from lambda_src.credit_risk.text_lines import (
    MAX_LINE_BYTES,
    MAX_TEXT_BYTES,
    PIECE_BYTES,
    DamagedFileError,
    TextTooLargeError,
    lines,
)

MAX_ROWS = 500_000
# Blank lines are no rows, but take time: a kilobyte may decompress to a million of them.
MAX_LINES = 2 * MAX_ROWS
_BOM = b"\xef\xbb\xbf"


class Columns(msgspec.Struct, frozen=True):
    """The columns of a purpose by name, at least one of `one_of` among them. With `strict`, a file may have no others:
    one with a typing error would be taken for missing."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    strict: bool = True


class Header(msgspec.Struct, frozen=True):
    """The names of the columns in order. `offset` is that of the line after the header."""

    names: tuple[str, ...]
    offset: int


class Overview(msgspec.Struct, frozen=True):
    """What a whole file has."""

    header: Header
    rows: int


class Row(msgspec.Struct, frozen=True):
    """A data row: its number as a line of the file, from 1, the offset after it, and its content (None: too long)."""

    line: int
    end: int
    content: bytes | None

    def fields(self, header: Header) -> dict[str, str]:
        """The fields that are not blank, by column. Raises `RowError`."""
        if self.content is None:
            raise RowError("", f"the line has more than {MAX_LINE_BYTES:,} bytes")
        values = _split(self.content)
        if len(values) != len(header.names):
            raise RowError("", f"the row has {len(values):,} fields, the header {len(header.names):,}")
        return {name: text for name, value in zip(header.names, values, strict=True) if (text := value.strip())}


def check_digest(file: BinaryIO, expected: str | None) -> None:
    """Raises `FileError` for a file that is not the one that was announced."""
    if expected is None:
        return
    file.seek(0)
    digest = hashlib.sha256()
    while piece := file.read(PIECE_BYTES):
        digest.update(piece)
    if digest.hexdigest() != expected:
        raise FileError(
            "wrong_checksum", "The file is not the one announced: its SHA-256 differs. Create another batch for it."
        )


def look_at(file: BinaryIO, columns: Columns, max_bytes: int = MAX_TEXT_BYTES) -> Overview:
    """Reads a whole file once: its header is checked, its rows are counted. Raises `FileError`."""
    file.seek(0)
    header: Header | None = None
    count = 0
    try:
        for line, (end, content) in enumerate(lines(file, max_bytes=max_bytes), start=1):
            if line > MAX_LINES:
                raise FileError("too_many_rows", f"The file has more than {MAX_LINES:,} lines. Remove the blank ones.")
            if header is None:
                header = _header(content, end, columns)
            elif not _is_blank(content):
                count += 1
                if count > MAX_ROWS:
                    raise FileError("too_many_rows", f"The file has more than {MAX_ROWS:,} rows. Split it.")
    except DamagedFileError as error:
        raise FileError("damaged", "The compressed file is damaged or incomplete. Compress it again.") from error
    except TextTooLargeError as error:
        raise FileError("too_large", f"The file has more than {max_bytes:,} bytes when decompressed.") from error
    if header is None or not count:
        raise FileError("empty", "The file has no rows. Its first line has the names of the columns.")
    return Overview(header, count)


def read_header(file: BinaryIO, columns: Columns) -> Header:
    """The header of a file that was looked at before."""
    file.seek(0)
    end, content = next(lines(file))
    return _header(content, end, columns)


def read_rows(file: BinaryIO, offset: int, line: int) -> Iterator[Row]:
    """The rows from an offset on, which is that of line number `line`. Blank lines are left out."""
    file.seek(0)
    for number, (end, content) in enumerate(lines(file, offset), start=line):
        if not _is_blank(content):
            yield Row(number, end, content)


def _is_blank(content: bytes | None) -> bool:
    return content is not None and not content.strip()


def _split(content: bytes) -> list[str]:
    """The fields of a line. Raises `RowError`."""
    try:
        text = content.decode().removesuffix("\r")
    except UnicodeDecodeError:
        raise RowError("", "is not UTF-8") from None
    if "\0" in text:
        raise RowError("", "has a NUL character")
    try:
        return next(csv.reader([text], strict=True), [])
    except csv.Error:
        raise RowError("", "is not CSV: check its quotes and line breaks") from None


def _header(content: bytes | None, end: int, columns: Columns) -> Header:
    if content is None:
        raise FileError("not_csv", f"The first line has more than {MAX_LINE_BYTES:,} bytes. It must name the columns.")
    try:
        names = tuple(name.strip() for name in _split(content.removeprefix(_BOM)))
    except RowError as error:
        raise FileError("not_csv", f"The first line {error.reason}. The file must be CSV in UTF-8.") from error
    missing = [name for name in columns.required if name not in names]
    if columns.one_of and not {*columns.one_of} & {*names}:
        missing.append(" or ".join(columns.one_of))
    if missing:
        hint = ""
        if len(names) == 1 and any(mark in names[0] for mark in ";\t|"):
            hint = " Separate the columns by commas."
        raise FileError("missing_columns", f"The file has no column {', '.join(missing)}.{hint}")
    _check_known(names, columns)
    known = {*columns.required, *columns.optional}
    repeated = sorted(name for name, count in Counter(names).items() if count > 1 and name in known)
    if repeated:
        raise FileError("duplicate_columns", f"Several columns have the name {', '.join(repeated)}.")
    return Header(names, end)


def _check_known(names: Sequence[str], columns: Columns) -> None:
    known: Collection[str] = (*columns.required, *columns.optional)
    unknown = [str(place) for place, name in enumerate(names, start=1) if name not in known]
    if unknown and columns.strict:
        places = ", ".join(unknown[:10])
        raise FileError(
            "unknown_columns", f"Columns without a known name: number {places}. Known are {', '.join(known)}."
        )
