"""Rows are scored as single applications are; bad ones are written down and stop nothing."""

import csv
import gzip
import io
from typing import Any

import pytest

from lambda_src.credit_risk.processing import scoring
from tests.lambda_src.credit_risk.batch_world import COLUMNS, BatchWorld, outcome, row, rows, single, to_csv
from tests.lambda_src.credit_risk.stage import CALLER, OTHER, context, with_metrics
from tests.lambda_src.credit_risk.world import model_json


@pytest.fixture
def world() -> BatchWorld:
    return BatchWorld()


def rejection(world: BatchWorld, changes: dict[str, str], columns: tuple[str, ...] = COLUMNS) -> dict[str, str]:
    """The rejected row of a file with a good row behind the bad one."""
    batch = world.submit(to_csv([row(1, **changes), row(2)], columns))
    assert (batch.status, batch.rows, batch.rows_done, batch.rows_rejected) == ("ready", 2, 2, 1)
    (found,) = world.download(batch.rejected)
    assert found["line"] == "2"
    assert [entry["applicationId"] for entry in world.download(batch.results)] == ["A-2"]
    return found


def test_a_row_has_the_score_of_a_single_application(world: BatchWorld) -> None:
    batch = world.submit(to_csv([row(1)]))
    single_score = world.service.create_score(context(), body=single(row(1)))

    (found,) = world.download(batch.results)
    assert found == {
        "line": "2",
        "applicationId": "A-1",
        "score": str(single_score.score),
        "probabilityOfDefault": f"{single_score.probability_of_default:.6f}",
        "probabilityOfDefault12Months": f"{single_score.probability_of_default_12_months:.6f}",
        "lossGivenDefault": f"{single_score.loss_given_default:.6f}",
        "creditConversionFactor": f"{single_score.credit_conversion_factor:.6f}",
        "exposureAtDefault": f"{single_score.exposure_at_default:.2f}",
        "expectedLoss": f"{single_score.expected_loss:.2f}",
        "recommendation": single_score.recommendation,
        "reasonCodes": " ".join(reason.code for reason in single_score.reasons),
        "reasons": " ".join(reason.text for reason in single_score.reasons),
        "warnings": "",
        "model": single_score.model.id,
        "modelVersion": single_score.model.version,
    }
    assert batch.summary is not None
    assert batch.summary.mean_score == single_score.score
    assert batch.summary.expected_loss == pytest.approx(single_score.expected_loss, abs=0.01)
    assert (batch.summary.currency, batch.model) == ("BRL", single_score.model)


def test_the_counters_of_a_file_are_those_of_its_applications(world: BatchWorld) -> None:
    world.score(10)
    other = BatchWorld()
    for number in range(10):
        other.service.create_score(context(), body=single(row(number)))

    for subject in ("scores", "segments"):
        assert world.counts(world.model, subject) == other.counts(other.model, subject)


def test_the_challenger_is_counted_and_not_answered(world: BatchWorld) -> None:
    other = world.register(name="Other")
    world.activate(other, "challenger")
    batch = world.score(10)

    assert world.counts(other)["n"] == 10
    assert {entry["model"] for entry in world.download(batch.results)} == {world.model}


def test_a_row_that_the_challenger_cannot_score_is_scored(world: BatchWorld) -> None:
    model = with_metrics()
    model["card"]["characteristics"][3].pop("missing")
    challenger = world.register(**{**model, "name": "Needs homeOwnership"})
    world.activate(challenger, "challenger")
    batch = world.submit(to_csv([row(1, homeOwnership=""), row(2)]))

    assert (batch.rows_rejected, world.counts(world.model)["n"], world.counts(challenger)["n"]) == (0, 2, 1)


@pytest.mark.parametrize(
    ("field", "text", "reason"),
    [
        ("annualIncome", "", "is required by the model"),
        ("annualIncome", "a lot", "must be a number"),
        ("annualIncome", "nan", "must be at least 0"),
        ("annualIncome", "inf", "must be at most 1,000,000,000"),
        ("annualIncome", "-1", "must be at least 0"),
        ("annualIncome", '=HYPERLINK("http://evil")', "must be a number"),
        ("termMonths", "", "is missing"),
        ("termMonths", "36.5", "must be a whole number, such as 36"),
        ("termMonths", "5", "must be at least 6"),
        ("inquiries6Months", "NULL", "must be blank"),
        ("homeOwnership", "null", "must be blank"),
        ("amount", "1e400", "must be a number with a decimal point"),
        ("purpose", "boat", "the model knows car, wedding, other"),
        ("purpose", "=cmd", "must be one word, such as car, creditCard, debtConsolidation"),
        ("earliestCreditLine", "2027-01", "is after the application"),
        ("earliestCreditLine", "June 2004", "must be a year and a month, such as 1999-03"),
        ("applicationDate", "2026-02-30", "there is no such day"),
        ("applicationDate", "2027-01-01", "is in the future"),
        ("applicationDate", "20260115", "must be a date, such as 2026-01-31"),
        ("segment", "@SUM(A1)", "has a wrong form"),
    ],
)
def test_a_bad_field_is_named(world: BatchWorld, field: str, text: str, reason: str) -> None:
    found = rejection(world, {field: text})

    assert (found["field"], found["applicationId"]) == (field, "A-1")
    assert found["reason"].startswith(reason)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "A\t1", "A 1", "x" * 65, "é"])
def test_an_id_that_a_spreadsheet_would_run_is_not_repeated(world: BatchWorld, text: str) -> None:
    found = rejection(world, {"applicationId": text})

    assert (found["field"], found["applicationId"]) == ("applicationId", "")


def test_no_cell_of_any_result_is_a_formula(world: BatchWorld) -> None:
    evil = ["=1+1", "+1", "-1", "@x", "\t=1", '=cmd|"/c calc"!A1']
    records = [row(number, **{name: text}) for number, text in enumerate(evil) for name in COLUMNS]
    batch = world.submit(to_csv([*records, *rows(3)]))

    for file in (batch.results, batch.rejected):
        cells = [cell for entry in world.download(file) for cell in entry.values()]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert "calc" not in str(world.bucket.objects.values())


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"\xff", "is not UTF-8"),
        (b"A\0", "has a NUL character"),
        (b'"A', "is not CSV"),
        (b"A,B", "the row has 2 fields"),
        (b"x" * 70_000, "the line has more than"),
    ],
)
def test_a_bad_line_stops_nothing(world: BatchWorld, line: bytes, reason: str) -> None:
    content = to_csv(rows(6)).splitlines(keepends=True)
    batch = world.submit(b"".join([*content[:3], line + b"\n", *content[3:]]))

    (found,) = world.download(batch.rejected)
    assert (found["line"], found["field"]) == ("4", "")
    assert found["reason"].startswith(reason)
    assert [entry["line"] for entry in world.download(batch.results)] == ["2", "3", "5", "6", "7", "8"]


def test_other_ways_to_write_a_file(world: BatchWorld) -> None:
    plain = to_csv(rows(6))
    quoted = io.StringIO()
    writer = csv.writer(quoted, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerows(csv.reader(io.StringIO(plain.decode())))
    expected = world.download(world.submit(plain).results)

    for content in (
        gzip.compress(plain),
        b"\xef\xbb\xbf" + quoted.getvalue().encode(),
        plain.removesuffix(b"\n"),
        plain.replace(b"\n", b"\r\n"),
    ):
        assert world.download(world.submit(content).results) == expected


def test_the_order_of_columns_does_not_matter_and_optional_ones_may_lack(world: BatchWorld) -> None:
    columns = ("termMonths", "amount", "purpose", "earliestCreditLine", "annualIncome")
    records = [{name: row(1)[name] for name in columns}]
    batch = world.submit(to_csv(records, columns))

    (found,) = world.download(batch.results)
    assert (found["applicationId"], batch.rows_rejected) == ("", 0)
    assert not [key for key in world.table.items if key[0].startswith("applications#")]


def test_reasons_are_in_the_batchs_language(world: BatchWorld) -> None:
    batch = world.submit(to_csv([row(0)]), language="pt")

    assert world.download(batch.results)[0]["reasons"].startswith("A renda é baixa.")


def test_a_value_beyond_the_training_data_is_warned_about(world: BatchWorld) -> None:
    model = {**model_json(), "trainingRanges": {"amount": {"minimum": 1_000, "maximum": 10_000}}}
    limited = world.register(**{**with_metrics(), "trainingRanges": model["trainingRanges"]})
    world.activate(limited)
    (found,) = world.download(world.submit(to_csv([row(2)])).results)

    assert (found["warnings"], found["recommendation"]) == ("outOfRange:loan.amount", "refer")


def test_a_file_whose_rows_are_all_bad_has_no_summary(world: BatchWorld) -> None:
    batch = world.submit(to_csv([row(number, amount="") for number in range(6)]))

    assert (batch.status, batch.rows_rejected) == ("ready", 6)
    assert not batch.summary
    assert world.download(batch.results) == []


def test_segments_of_a_slice_are_limited(world: BatchWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "MAX_SEGMENTS", 2)
    batch = world.submit(to_csv([row(number, segment=f"s{number}") for number in range(4)]))

    assert [found["field"] for found in world.download(batch.rejected)] == ["segment", "segment"]


def test_an_item_full_of_segments_stops_no_batch(world: BatchWorld) -> None:
    key = (f"counters#{world.model}", "2026-11-11#segments#files-0")
    full = {"pk": {"S": key[0]}, "sk": {"S": key[1]}, "n:other": {"N": "1"}, "names": {"S": "x" * 409_600}}
    world.table.items[key] = full

    batch = world.score(9)

    assert (batch.rows_rejected, len(world.download(batch.results))) == (0, 9)
    assert world.counts(world.model)["n"] == 9
    assert world.table.items[key] == full


def test_no_log_has_an_applicants_data(world: BatchWorld, caplog: pytest.LogCaptureFixture) -> None:
    private = {"annualIncome": "61234.56", "amount": "12345.67", "earliestCreditLine": "1987-06"}
    with caplog.at_level("DEBUG"):
        world.submit(to_csv([row(1, **private), row(2, **private, purpose="=secret"), row(3, amount="61234.56x")]))
        world.submit(b"\xff61234.56")
        world.report(
            outcome(1, "defaulted", balanceAtDefault="98765.4321", recovered="123.456789"),
            outcome(2),
            outcome(3, "secret"),
        )
        world.service.create_score(context(), body=single(row(1, **private)))

    logged = str([vars(record) for record in caplog.records])
    assert "batch failed" in logged
    for value in (*private.values(), "secret", "98765.4321", "123.456789", "A-1", "A-2", "branch-1"):
        assert value not in logged


def test_the_last_of_several_rows_of_an_application_is_what_an_outcome_finds(world: BatchWorld) -> None:
    world.submit(to_csv([row(1, applicationDate="2026-11-01"), row(1, applicationDate="2026-11-02")]))
    world.report(outcome(1))

    assert [key[1] for key in world.table.items if "#outcomes#" in key[1]] == ["2026-11-02#outcomes#files-0"]


def test_scored_applications_are_their_callers(world: BatchWorld) -> None:
    world.score(2)
    batch = world.report(outcome(1), caller=OTHER)

    assert batch.rows_rejected == 1
    assert world.counts(world.model, "outcomes") == {}
    assert world.store.facts(CALLER, "A-1") is not None
    assert world.store.facts(OTHER, "A-1") is None


def test_what_a_busy_table_leaves_is_sent_again(world: BatchWorld) -> None:
    world.table.unprocessed = 3
    world.slice_rows = 40
    world.score(40)

    assert len([key for key in world.table.items if key[0] == f"applications#{CALLER}"]) == 40
    assert world.report(*[outcome(number) for number in range(40)]).rows_rejected == 0
    assert world.counts(world.model, "outcomes")["n"] == 40


def test_a_write_that_stays_undone_is_unavailable(world: BatchWorld) -> None:
    def nothing(**request: Any) -> dict[str, Any]:
        return {"UnprocessedItems": request["RequestItems"]}

    world.table.batch_write_item = nothing  # type: ignore[method-assign]
    batch = world.submit(to_csv(rows(2)))

    assert batch.status == "failed"
    assert batch.error
    assert batch.error.code == "processing_failed"
