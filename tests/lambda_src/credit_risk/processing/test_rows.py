"""Files that cannot be used are refused with a code; rows, with a reason."""

import gzip
import hashlib
import io

import pytest

from lambda_src.credit_risk.processing.errors import FileError, RowError
from lambda_src.credit_risk.processing.rows import (
    MAX_LINES,
    MAX_ROWS,
    Columns,
    Header,
    Row,
    check_digest,
    look_at,
    read_header,
    read_rows,
)

COLUMNS = Columns(("amount", "termMonths"), ("segment",))
LOOSE = Columns(("amount",), one_of=("term", "termMonths"), strict=False)


def error(content: bytes, columns: Columns = COLUMNS, max_bytes: int = 1_000_000) -> FileError:
    with pytest.raises(FileError) as caught:
        look_at(io.BytesIO(content), columns, max_bytes)
    return caught.value


def fields(content: bytes | None, names: tuple[str, ...] = ("a", "b")) -> dict[str, str]:
    return Row(2, 0, content).fields(Header(names, 0))


@pytest.mark.parametrize(
    "content",
    [
        b"amount,termMonths\n1,2\n3,4\n",
        b"\xef\xbb\xbfamount,termMonths\r\n1,2\r\n3,4\r\n",
        b'"amount", termMonths \n1,2\n\n3,4',
        gzip.compress(b"amount,termMonths\n1,2\n3,4\n", mtime=0),
    ],
)
def test_a_file_is_counted(content: bytes) -> None:
    overview = look_at(io.BytesIO(content), COLUMNS)

    assert (overview.header.names, overview.rows) == (("amount", "termMonths"), 2)
    file = io.BytesIO(content)
    assert read_header(file, COLUMNS) == overview.header
    found = [row.fields(overview.header) for row in read_rows(file, overview.header.offset, 2)]
    assert found == [{"amount": "1", "termMonths": "2"}, {"amount": "3", "termMonths": "4"}]


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (b"", "empty", "no rows"),
        (b"amount,termMonths\n\n\n", "empty", "no rows"),
        (b"\x1f\x8b\x08", "damaged", "Compress it again"),
        ("amount,termMonths\n1,2".encode("utf-16"), "not_csv", "UTF-8"),
        (b"amount,\0termMonths\n1,2", "not_csv", "NUL"),
        (b'amount,"termMonths\n1,2', "not_csv", "quotes"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "missing_columns", "amount, termMonths"),
        (b"x" * 70_000 + b"\n1,2", "not_csv", "name the columns"),
        (b"amount;termMonths\n1;2", "missing_columns", "commas"),
        (b"amount,termmonths\n1,2", "missing_columns", "no column termMonths"),
        (b"amount,termMonths,=cmd()\n1,2,3", "unknown_columns", "number 3"),
        (b"amount,termMonths,amount\n1,2,3", "duplicate_columns", "amount"),
        (b"," * 60_000 + b"\n", "missing_columns", "amount"),
    ],
)
def test_a_file_that_cannot_be_used(content: bytes, code: str, message: str) -> None:
    found = error(content)

    assert found.code == code
    assert message in found.message
    assert "cmd" not in found.message


def test_one_of_several_columns_is_enough() -> None:
    assert look_at(io.BytesIO(b"amount,term,other\n1,2,3"), LOOSE).rows == 1
    assert error(b"amount,other\n1,2", LOOSE).message == "The file has no column term or termMonths."


def test_a_bomb_is_too_large() -> None:
    assert error(gzip.compress(b"amount,termMonths\n" + b"1,2\n" * 1_000_000)).code == "too_large"


def test_the_row_after_the_last_allowed_one_is_too_many() -> None:
    allowed = b"amount,termMonths\n" + b"1,2\n" * MAX_ROWS

    assert look_at(io.BytesIO(allowed), COLUMNS).rows == 500_000
    assert error(allowed + b"1,2", max_bytes=10_000_000).code == "too_many_rows"


@pytest.mark.parametrize("blank", [b"\n", b" \r\n"])
def test_blank_lines_are_limited_too(blank: bytes) -> None:
    allowed = b"amount,termMonths\n1,2\n" + blank * (MAX_LINES - 2)

    assert look_at(io.BytesIO(allowed), COLUMNS).rows == 1
    assert error(allowed + blank, max_bytes=10_000_000).code == "too_many_rows"


def test_a_checksum_is_compared() -> None:
    file = io.BytesIO(b"content")
    check_digest(file, None)
    check_digest(file, hashlib.sha256(b"content").hexdigest())
    with pytest.raises(FileError) as caught:
        check_digest(file, "0" * 64)
    assert caught.value.code == "wrong_checksum"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"1,2\r", {"a": "1", "b": "2"}),
        (b' 1 ,"2"', {"a": "1", "b": "2"}),
        (b'"1,5","say ""x"""', {"a": "1,5", "b": 'say "x"'}),
        (b",", {}),
        ("ção,2".encode(), {"a": "ção", "b": "2"}),
    ],
)
def test_fields_of_a_row(content: bytes, expected: dict[str, str]) -> None:
    assert fields(content) == expected


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "65,536 bytes"),
        (b"\xff\xfe,1", "is not UTF-8"),
        (b"1\0,2", "NUL"),
        (b'"1,2', "is not CSV"),
        (b'"1"x,2', "is not CSV"),
        (b"1\r2,3", "is not CSV"),
        (b"1", "the row has 1 fields, the header 2"),
        (b"1,2,3", "the row has 3 fields, the header 2"),
    ],
)
def test_a_row_that_cannot_be_read(content: bytes | None, reason: str) -> None:
    with pytest.raises(RowError, match=reason):
        fields(content)


def test_an_open_quote_ends_with_its_line() -> None:
    found = list(read_rows(io.BytesIO(b'"1,2\n3,4\n'), 0, 2))

    with pytest.raises(RowError):
        found[0].fields(Header(("a", "b"), 0))
    assert (found[1].line, found[1].fields(Header(("a", "b"), 0))) == (3, {"a": "3", "b": "4"})
