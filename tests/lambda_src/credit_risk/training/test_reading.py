import gzip
import hashlib
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_src.credit_risk.training.reading import LoanFile, read
from lambda_src.credit_risk.training.settings import TrainingError
from tests.lambda_src.credit_risk.training.loan_files import ROW, csv_of, many, read_rows

KAGGLE = {
    "issue_d": "Mar-2010",
    "term": " 36 months",
    "int_rate": " 11.50%",
    "earliest_cr_line": "Feb-1999",
    "last_pymnt_d": "Mar-13",
    "annual_inc": "48000.0",
}


def reasons(file: LoanFile) -> dict[str, int]:
    return {rejection.reason: rejection.count for rejection in file.rejections}


def test_a_loan_is_read() -> None:
    loans = read_rows([ROW]).loans

    assert loans.numbers["annualIncome"].tolist() == [48_000]
    assert loans.numbers["employmentYears"].tolist() == [3]
    assert loans.numbers["earliestCreditLine"].tolist() == [133]
    assert loans.names["purpose"] == ("debtConsolidation",)
    assert loans.names["incomeVerification"] == ("notVerified",)
    assert loans.names["grade"] == ("B",)
    assert loans.issued.tolist() == [2010 * 12 + 2]
    assert not loans.bad.any()
    assert loans.exposure.tolist() == loans.losses.tolist() == [0]


def test_a_bad_loan_has_what_was_owed_and_lost() -> None:
    row = {**ROW, "loan_status": "Does not meet the credit policy. Status:Charged Off"}
    loans = read_rows([{**row, "total_rec_prncp": "1800", "recoveries": "200"}]).loans

    assert loans.bad.all()
    assert loans.exposure.tolist() == [3_200]
    assert loans.losses.tolist() == [3_000]


def test_kaggles_spelling_means_the_same() -> None:
    plain, other = read_rows([ROW]).loans, read_rows([{**ROW, **KAGGLE}]).loans

    assert {name: values.tolist() for name, values in plain.numbers.items()} == {
        name: values.tolist() for name, values in other.numbers.items()
    }
    assert plain.issued.tolist() == other.issued.tolist()


def test_what_is_known_only_later_is_no_characteristic() -> None:
    later = {"mths_since_issue_d": "90", "total_pymnt": "7", "out_prncp": "1", "recoveries": "0", "addr_state": "NY"}
    loans = read_rows([{**ROW, **later}]).loans

    assert set(loans.numbers) | set(loans.categories) == {
        *("amount", "annualIncome", "employmentYears", "debtToIncome", "inquiries6Months", "earliestCreditLine"),
        *("termMonths", "interestRate", "homeOwnership", "incomeVerification", "purpose", "grade"),
    }


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"loan_status": "Current"}, "loan_status: is neither paid back nor charged off"),
        ({"loan_status": ""}, "loan_status: is missing"),
        ({"annual_inc": "many"}, "annual_inc: is no number"),
        ({"annual_inc": "-1"}, "annual_inc: is not from 0 to 1,000,000,000"),
        ({"annual_inc": "1e99"}, "annual_inc: is not from 0 to 1,000,000,000"),
        ({"dti": "1" * 400}, "dti: is no number"),
        ({"dti": "inf"}, "dti: is no number"),
        ({"funded_amnt": "499"}, "funded_amnt: is not from 500 to 1,000,000"),
        ({"funded_amnt": ""}, "funded_amnt: is missing"),
        ({"term": "years"}, "term: is no term in months"),
        ({"term": ""}, "term: is missing"),
        ({"issue_d": "2010-13"}, "issue_d: is no month"),
        ({"issue_d": "Foo-2010"}, "issue_d: is no month"),
        ({"earliest_cr_line": "2010-04"}, "earliest_cr_line: is after the loan"),
        ({"emp_length": "long"}, "emp_length: is no length of employment"),
        ({"purpose": "???"}, "purpose: is no category"),
        ({"id": "x"}, "id: is no whole number"),
        ({"id": "1"}, "id: is listed twice"),
        ({"loan_status": "Charged Off", "recoveries": "-1"}, "recoveries: is negative"),
        ({"loan_status": "Charged Off", "recoveries": ""}, "recoveries: is missing"),
        ({"grade": "A,B"}, "the row has another number of fields than the header"),
    ],
)
def test_a_row_that_cannot_be_used_is_counted(change: dict[str, str], reason: str) -> None:
    file = read_rows([ROW, {**ROW, "id": "2", **change}, {**ROW, "id": "3"}])

    assert [(entry.reason, entry.count, entry.lines) for entry in file.rejections] == [(reason, 1, (3,))]
    assert file.loans.ids.tolist() == [1, 3]
    assert (file.rows, file.rejected) == (3, 1)
    assert {len(values) for values in file.loans.numbers.values()} == {2}
    assert {len(values) for values in file.loans.categories.values()} == {2}


def test_a_few_lines_of_each_reason_are_named() -> None:
    file = read_rows([ROW, *({**ROW, "id": str(number), "dti": "x"} for number in range(2, 20))])

    (rejection,) = file.rejections
    assert (rejection.count, rejection.lines) == (18, (3, 4, 5, 6, 7))


@pytest.mark.parametrize("column", ["issue_d", "term", "loan_status", "total_rec_prncp", "recoveries", "funded_amnt"])
def test_a_missing_column_is_named(column: str) -> None:
    name = "funded_amnt or loan_amnt" if column == "funded_amnt" else column
    with pytest.raises(TrainingError, match=f"the file has no column {name}$"):
        read_rows([{key: value for key, value in ROW.items() if key != column}])


def test_other_columns_may_be_missing() -> None:
    needed = ("issue_d", "term", "loan_status", "total_rec_prncp", "recoveries")
    row = {"loan_amnt": "700", **{name: ROW[name] for name in needed}}
    loans = read_rows([row, row]).loans

    assert loans.ids.tolist() == [1, 2]
    assert loans.amounts.tolist() == [700, 700]
    assert loans.stopped.tolist() == [-1, -1]


def test_blanks_are_missing() -> None:
    loans = read_rows([{**ROW, "dti": "", "purpose": "", "emp_length": "n/a", "earliest_cr_line": ""}]).loans

    assert np.isnan(
        [loans.numbers[name][0] for name in ("debtToIncome", "employmentYears", "earliestCreditLine")]
    ).all()
    assert loans.categories["purpose"].tolist() == [-1]


def test_a_compressed_file_is_the_same() -> None:
    raw = csv_of(*many(200))
    packed = gzip.compress(raw[:5_000]) + gzip.compress(raw[5_000:])

    plain, compressed = read(io.BytesIO(raw)), read(io.BytesIO(packed))

    assert compressed.loans.ids.tolist() == plain.loans.ids.tolist()
    assert compressed.digest == hashlib.sha256(packed).hexdigest()
    assert plain.digest == hashlib.sha256(raw).hexdigest()


def test_a_decompression_bomb_stops_at_the_limit() -> None:
    header = csv_of(ROW)
    bomb = gzip.compress(header + (b"," * 999 + b"\n") * 20_000)

    with pytest.raises(TrainingError, match="more than 2,000,000 bytes, decompressed"):
        read(io.BytesIO(bomb), max_bytes=2_000_000)


def test_a_bomb_of_one_line_stops_at_the_lines_limit() -> None:
    with pytest.raises(TrainingError, match="a line has more than 1,000,000 characters"):
        read(io.BytesIO(gzip.compress(b"x" * 50_000_000)))


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "no column issue_d"),
        (csv_of(ROW).replace(b",", b";"), "separate the columns by commas"),
        (csv_of(ROW)[: len(",".join(ROW)) + 1], "the file has no usable row$"),
        (csv_of({**ROW, "dti": "x"}), "no usable row: 1 x dti: is no number"),
        (csv_of(ROW) + b"\xff", "not UTF-8"),
        (csv_of(ROW) + b'"' + b"a\n" * 100_000, "not CSV"),
        (b"id,id,issue_d\n", "two columns have the same name"),
        (gzip.compress(csv_of(*many(50)))[:-9], "the compressed file is damaged"),
        (gzip.compress(csv_of(ROW)) + b"rest", "the compressed file is damaged"),
        (b"\x1f\x8b\x08" + bytes(100), "the compressed file is damaged"),
    ],
)
def test_what_is_no_file_of_loans_is_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(TrainingError, match=reason):
        read(io.BytesIO(raw))


def test_too_many_rows_are_refused() -> None:
    with pytest.raises(TrainingError, match="more than 10 rows"):
        read(io.BytesIO(csv_of(*many(11))), max_rows=10)


def test_too_many_categories_are_refused() -> None:
    with pytest.raises(TrainingError, match="purpose has more than 100 categories"):
        read_rows([{**ROW, "id": str(number), "purpose": f"p{number}"} for number in range(101)])


def test_the_order_of_the_rows_does_not_change_the_categories() -> None:
    rows = [{**ROW, "id": str(number), "purpose": purpose} for number, purpose in enumerate(("car", "other", "car"))]

    assert read_rows(rows).loans.categories["purpose"].tolist() == [0, 1, 0]
    assert read_rows(rows[::-1]).loans.categories["purpose"].tolist() == [0, 1, 0]
    assert read_rows(rows[1:]).loans.names["purpose"] == ("car", "other")
    assert read_rows(rows[1:]).loans.categories["purpose"].tolist() == [1, 0]


@given(st.binary(max_size=2_000))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    for content in (raw, csv_of(ROW) + raw, b"\x1f\x8b" + raw):
        try:
            read(io.BytesIO(content))
        except TrainingError:
            continue
