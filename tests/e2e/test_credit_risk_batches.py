"""Files of credit risk on a stage: 20,000 applications are scored, their outcomes counted, and a model is trained.

The scores and counters stay until they expire, the candidate for good: neither can be deleted.
"""

import csv
import gzip
import hashlib
import io
import json
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from dev.local.paths import ROOT
from lambda_src.credit_risk.characteristics import CHARACTERISTICS
from lambda_src.credit_risk.training.columns import (
    CHARACTERISTIC_COLUMNS,
    NUMBERS,
    from_month,
    is_blank,
    to_bad,
    to_category,
    to_month,
)
from tests.e2e.caller import Caller

pytestmark = pytest.mark.e2e

USE_CASE = "credit-risk"
LOANS = ROOT / "samples" / "credit-risk" / "loans-synthetic.csv.gz"
ROWS = 20_000
SECONDS = 300
# The dates of a run's own applications, which are not those of today's.
DAY = "2020-01-{:02}"
RUN = f"e2e-{time.time_ns()}"


def loans() -> Iterator[dict[str, str]]:
    with gzip.open(LOANS, "rt", encoding="utf-8") as file:
        yield from islice(csv.DictReader(file), ROWS)


def to_application(number: int, loan: dict[str, str]) -> dict[str, Any]:
    """A loan of the samples as an application."""
    fields: dict[str, Any] = {"applicationId": f"{RUN}-{number}", "applicationDate": DAY.format(1 + number % 28)}
    for column, name in CHARACTERISTIC_COLUMNS.items():
        if is_blank(loan[column]):
            continue
        kind = CHARACTERISTICS[name].kind
        if kind == "number":
            fields[name] = f"{NUMBERS[column](loan[column]):.10g}"
        else:
            fields[name] = from_month(to_month(loan[column])) if kind == "month" else to_category(loan[column])
    return {**fields, "amount": loan["funded_amnt"], "segment": f"state-{loan['addr_state']}"}


def to_csv(rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)))
    writer.writeheader()
    writer.writerows(rows)
    return gzip.compress(text.getvalue().encode())


def call(caller: Caller, method: str, path: str, body: Any = None, status: int = 200, **options: Any) -> Any:
    response = caller.call(method, USE_CASE, path, body, **options)
    assert response.status == status, response.raw
    return response.body


def wait(caller: Caller, path: str, *statuses: str) -> Any:
    deadline = time.monotonic() + SECONDS
    while True:
        item = call(caller, "GET", path)
        if item["status"] in statuses:
            return item
        assert time.monotonic() < deadline, item
        time.sleep(1)


def submit(caller: Caller, purpose: str, content: bytes) -> Any:
    """A batch after its work."""
    announced = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    created = call(caller, "POST", "/batches", {"name": RUN, "purpose": purpose, **announced}, 201)
    assert caller.upload(created["upload"], content).status in (200, 201, 204)
    return wait(caller, f"/batches/{created['id']}", "ready", "failed")


def download(caller: Caller, file: dict[str, str]) -> list[dict[str, str]]:
    response = caller.fetch(file["url"])
    assert response.status == 200
    return list(csv.DictReader(io.StringIO(gzip.decompress(response.raw).decode())))


@pytest.fixture(scope="module")
def applications() -> list[dict[str, Any]]:
    return [to_application(number, loan) for number, loan in enumerate(loans())]


@pytest.fixture(scope="module")
def scored(caller: Caller, applications: list[dict[str, Any]]) -> Iterator[Any]:
    if "champion" not in call(caller, "GET", "/models"):
        pytest.skip("the stage has no active model")
    bad = {**applications[0], "applicationId": "=1+1", "amount": "=1+1"}
    batch = submit(caller, "scoring", to_csv([*applications, bad]))
    yield batch
    call(caller, "DELETE", f"/batches/{batch['id']}", status=202)


def test_a_file_of_applications_is_scored(caller: Caller, scored: Any) -> None:
    assert (scored["status"], scored["rows"], scored["rowsDone"]) == ("ready", ROWS + 1, ROWS + 1), scored
    results = download(caller, scored["results"])
    (rejected,) = download(caller, scored["rejected"])

    assert [entry["applicationId"] for entry in results] == [f"{RUN}-{number}" for number in range(ROWS)]
    assert (rejected["line"], rejected["applicationId"]) == (str(ROWS + 2), "")
    scores = [int(entry["score"]) for entry in results]
    summary = scored["summary"]
    assert summary["meanScore"] == pytest.approx(sum(scores) / ROWS)
    assert summary["expectedLoss"] == pytest.approx(sum(float(entry["expectedLoss"]) for entry in results), rel=1e-6)
    approved = sum(entry["recommendation"] == "approve" for entry in results)
    assert summary["approvalRate"] == pytest.approx(approved / ROWS)
    assert {entry["model"] for entry in results} == {scored["model"]["id"]}


def test_a_row_has_the_score_of_a_single_application(
    caller: Caller, scored: Any, applications: list[dict[str, Any]]
) -> None:
    body: dict[str, Any] = {"applicant": {}, "loan": {}}
    for name, text in applications[7].items():
        if name in CHARACTERISTICS:
            kind, group = CHARACTERISTICS[name].kind, CHARACTERISTICS[name].group
            body[group][name] = json.loads(text) if kind == "number" else text
    single = call(caller, "POST", "/scores", {**body, "applicationDate": applications[7]["applicationDate"]}, 201)
    found = download(caller, scored["results"])[7]

    if single["model"]["id"] == scored["model"]["id"]:
        assert int(found["score"]) == single["score"]
        assert float(found["expectedLoss"]) == pytest.approx(single["expectedLoss"], abs=0.01)


def test_a_batch_is_its_callers(other_caller: Caller, scored: Any) -> None:
    assert other_caller.call("GET", USE_CASE, f"/batches/{scored['id']}").status == 404
    assert other_caller.call("DELETE", USE_CASE, f"/batches/{scored['id']}").status == 404


def outcomes_in_monitoring(caller: Caller, model: str) -> Any:
    query = {"model": model, "from": DAY.format(1), "to": DAY.format(28), "period": "month"}
    items = call(caller, "GET", "/monitoring", query=query)["items"]
    return items[0].get("outcomes", {"count": 0, "bads": 0}) if items else {"count": 0, "bads": 0}


def test_outcomes_are_counted_once(caller: Caller, scored: Any) -> None:
    model = scored["model"]["id"]
    before = outcomes_in_monitoring(caller, model)
    rows = [
        {"applicationId": f"{RUN}-{number}", "status": "defaulted" if to_bad(loan["loan_status"]) else "paid"}
        for number, loan in enumerate(loans())
    ]
    bads = sum(row["status"] == "defaulted" for row in rows)
    for _ in range(2):
        batch = submit(caller, "outcomes", to_csv([*rows, {"applicationId": f"{RUN}-none", "status": "paid"}]))
        assert (batch["status"], batch["rowsDone"], batch["rowsRejected"]) == ("ready", ROWS + 1, 1), batch
        after = outcomes_in_monitoring(caller, model)
        assert (after["count"] - before["count"], after["bads"] - before["bads"]) == (ROWS, bads)
        call(caller, "DELETE", f"/batches/{batch['id']}", status=202)


def test_a_file_that_cannot_be_used_fails(caller: Caller) -> None:
    batch = submit(caller, "scoring", b"%PDF-1.7\n")

    assert (batch["status"], batch["error"]["code"]) == ("failed", "missing_columns")
    call(caller, "DELETE", f"/batches/{batch['id']}", status=202)


def test_a_training_makes_a_candidate_that_its_maker_cannot_activate(caller: Caller) -> None:
    batch = submit(caller, "training", LOANS.read_bytes())
    assert batch["status"] == "ready", batch
    asked = {"batch": batch["id"], "name": RUN, "exclude": ["grade", "interestRate"]}
    training = call(caller, "POST", "/trainings", asked, 202)
    training = wait(caller, f"/trainings/{training['id']}", "ready", "failed")

    assert training["status"] == "ready", training
    assert {step["status"] for step in training["steps"]} == {"done"}
    card = call(caller, "GET", f"/models/{training['model']}")
    assert (card["status"], card["origin"], card["training"]) == ("candidate", "trained", training["id"])
    assert not {"grade", "interestRate"} & {*card["characteristics"]}
    assert card["metrics"]
    activation = {"role": "challenger", "cutOff": {"approve": 660, "refer": 600}, "reason": "End-to-end test"}
    refused = caller.call("POST", USE_CASE, f"/models/{training['model']}/activations", activation)
    assert (refused.status, refused.code) == (409, "conflict")
    call(caller, "DELETE", f"/batches/{batch['id']}", status=202)


def test_a_deleted_batch_is_gone_within_minutes(caller: Caller) -> None:
    batch = submit(caller, "scoring", b"x\n1\n")
    call(caller, "DELETE", f"/batches/{batch['id']}", status=202)

    assert call(caller, "GET", f"/batches/{batch['id']}")["status"] == "deleting"
