"""What callers use, and a budget that is reached, raised and restored."""

import csv
import io
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lambda_src.shared.catalog import cost, resolve
from tests.e2e.caller import Caller, Response
from tests.e2e.conftest import With
from tests.e2e.test_contract import check_error

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("local_only")]

BUDGET = {"per": "caller", "of": "requests", "every": "day"}
# Processes learn of a limit within half a minute.
LEARNED_SECONDS = 40
NewKey = Callable[..., Any]


def embed(caller: Caller, text: str = "pump") -> Response:
    return caller.call("POST", "embeddings", "/embeddings", {"texts": [text], "dimensions": 256})


def until(status: int, send: Callable[[], Response]) -> Response:
    """Sends until a response has the status."""
    end = time.monotonic() + LEARNED_SECONDS
    while True:
        response = send()
        if response.status == status or time.monotonic() > end:
            assert response.status == status, response.raw
            return response
        time.sleep(1)


@pytest.fixture
def override(caller: Caller) -> Iterator[Callable[..., Any]]:
    """`override(owner, limit)` sets the limit of a key's owner, which is restored at the end."""
    ids = set()

    def put(owner: str, limit: float) -> Any:
        body = {**BUDGET, "owner": f"owner:{owner}", "limit": limit, "reason": "end-to-end test"}
        response = caller.call("POST", "usage", "/admin/budget-overrides", body)
        assert response.status == 201, response.raw
        ids.add(response.body["id"])
        return response.body

    yield put
    for override_id in ids:
        assert caller.call("DELETE", "usage", f"/admin/budget-overrides/{override_id}").status == 204


def test_a_report_has_the_sums_of_the_answers(caller: Caller, using: With, new_key: NewKey) -> None:
    key = new_key(team="e2e")
    program = using(key["key"])
    tokens = 0
    for text in ("pump", "a pump that leaks at the seal"):
        answer = embed(program, text)
        tokens += answer.body["usage"]["inputTokens"]
    chat = program.call("POST", "playground", "/completions", {"prompt": "Name a color."})
    used = chat.body["usage"]

    report = program.call("GET", "usage", "/usage", query={"groupBy": "useCase,model,team"}).body

    embeddings, playground = report["items"]
    expected = cost(resolve(answer.body["model"]), input_tokens=tokens)
    assert (embeddings["useCase"], embeddings["team"], embeddings["requests"]) == ("embeddings", "e2e", 2)
    assert (embeddings["inputTokens"], embeddings["estimatedCostUsd"]) == (tokens, pytest.approx(expected, abs=1e-9))
    expected = cost(resolve(chat.body["model"]), input_tokens=used["inputTokens"], output_tokens=used["outputTokens"])
    assert (playground["useCase"], playground["estimatedCostUsd"]) == ("playground", pytest.approx(expected, abs=1e-9))
    assert report["total"]["requests"] == 3

    query = {"caller": f"owner:{key['owner']}", "groupBy": "team", "format": "csv"}
    rows = list(csv.DictReader(io.StringIO(caller.call("GET", "usage", "/admin/usage", query=query).raw.decode())))
    assert [(row["team"], row["requests"]) for row in rows] == [("e2e", "3")]
    assert float(rows[0]["estimatedCostUsd"]) == pytest.approx(report["total"]["estimatedCostUsd"])


def test_what_others_use_is_not_seen(using: With, new_key: NewKey) -> None:
    other = using(new_key()["key"])
    assert embed(using(new_key()["key"])).status == 200
    assert other.call("GET", "usage", "/usage").body["items"] == []
    for method, path, body in (
        ("GET", "/admin/usage", None),
        ("GET", "/admin/budgets", None),
        ("POST", "/admin/budget-overrides", {**BUDGET, "owner": "owner:x", "limit": 5}),
    ):
        check_error(other.call(method, "usage", path, body), 404, "not_found")


def test_a_caller_reaches_a_limit_and_an_administrator_raises_it(
    using: With, new_key: NewKey, override: Callable[..., Any]
) -> None:
    key = new_key()
    program = using(key["key"])
    override(key["owner"], 2)

    refused = until(429, lambda: embed(program))

    check_error(refused, 429, "budget_exhausted")
    assert "The caller's budget of 2 requests per day is used up" in refused.body["error"]["message"]
    assert int(refused.headers["Retry-After"]) <= 24 * 3600
    used = program.call("GET", "usage", "/usage").body["total"]["requests"]
    (budget,) = program.call("GET", "usage", "/budgets").body["items"]
    assert (budget["of"], budget["limit"], budget["used"]) == ("requests", 2, used)

    override(key["owner"], used + 1)
    assert until(200, lambda: embed(program)).status == 200
    # Another instance of the function may learn of both limits up to 30 s later.
    check_error(until(429, lambda: embed(program)), 429, "budget_exhausted")


def test_problems_of_a_limit_name_the_field(caller: Caller) -> None:
    body = {**BUDGET, "of": "usd", "owner": "owner:x", "limit": 5}
    refused = caller.call("POST", "usage", "/admin/budget-overrides", body)
    check_error(refused, 400, "invalid_request")
    assert "the settings have no budget of usd per caller and day" in refused.body["error"]["message"]
