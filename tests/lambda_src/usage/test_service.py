"""Reports of usage, and limits of single callers."""

import csv
import io
import json
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest

from lambda_src.access.authorizer.tokens import MAX_SUBJECT, caller_id
from lambda_src.shared.budget_store import BudgetStore
from lambda_src.shared.budgets import OVERRIDES_SECONDS, Budgets
from lambda_src.shared.errors import BudgetExhausted
from lambda_src.shared.http import Api
from lambda_src.shared.settings import Budget
from lambda_src.shared.usage_store import UsageAmounts, UsageRow, UsageStore
from lambda_src.usage import service
from lambda_src.usage.routes import ROUTES
from lambda_src.usage.service import UsageService
from lambda_src.usage.settings import UsageOptions, UsageSettings
from tests.fakes import CALLER, OTHER, FakeTable, LambdaContext, context, event, identity

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC).timestamp()
DAILY = Budget(per="caller", of="requests", every="day", limit=2)
OVERRIDE = {"per": "caller", "of": "requests", "every": "day", "owner": CALLER, "limit": 3}
ADMIN_ROLE = "Admins"


class Setup:
    def __init__(self, *budgets: Budget, **options: Any) -> None:
        self.now = NOON
        self.settings = UsageSettings(
            stage="test",
            use_case="usage",
            table_name="usage",
            usage_table="usage",
            budgets=budgets,
            budgets_table="budgets",
            options=UsageOptions(**options),
        )
        self.table = FakeTable()
        self.usage = UsageStore("usage", FakeTable())
        self.store = BudgetStore("budgets", self.table, lambda: self.now)
        self.service = UsageService(self.settings, self.usage, self.store, lambda: self.now)
        self.api = Api(ROUTES, self.service, self.settings)

    def add(self, caller: str = CALLER, day: str = "2026-11-27", **changes: Any) -> None:
        amounts = UsageAmounts(requests=1, calls=2, input_tokens=30, output_tokens=4, nanodollars=5_000_001)
        fields = {"use_case": "chatbot", "model": "m1", "amounts": amounts, **changes}
        self.usage.add(UsageRow(caller=caller, day=day, **fields))

    def call(
        self, method: str, path: str, body: Any = None, *, by: str = CALLER, role: str | None = None, **query: str
    ) -> tuple[int, Any]:
        who: dict[str, Any] = {"identity": identity(by)}
        if role:
            arn = f"arn:aws:sts::111122223333:assumed-role/{role}/session"
            who = {"identity": {**identity(by), "userArn": arn}, "accountId": "111122223333"}
        resource, _, parameter = path.partition("=")
        more = {"pathParameters": {"id": parameter}} if parameter else {}
        request = event(method, resource, body, requestContext=who, queryStringParameters=query, **more)
        response = self.api(request, LambdaContext())
        text = response["body"]
        content = json.loads(text) if text.startswith("{") else text
        return response["statusCode"], content

    def report(self, path: str = "/usage", **query: str) -> Any:
        status, report = self.call("GET", path, **query)
        assert status == 200, report
        return report


def test_a_caller_sees_its_own_use_only() -> None:
    setup = Setup()
    setup.add()
    setup.add()
    setup.add(OTHER)
    report = setup.report()
    assert (report["from"], report["to"]) == ("2026-11-01", "2026-11-27")
    assert report["items"] == [
        {
            **{"day": "2026-11-27", "useCase": "chatbot", "model": "m1", "requests": 2, "calls": 4},
            **{"inputTokens": 60, "outputTokens": 8, "images": 0, "unpricedCalls": 0, "estimatedCostUsd": 0.010000002},
        }
    ]
    assert report["total"]["requests"] == 2


@pytest.mark.parametrize("path", ["/usage", "/admin/usage"])
def test_the_last_year_of_the_calendar_is_refused(path: str) -> None:
    status, answer = Setup().call("GET", path, **{"from": "9999-12-01", "to": "9999-12-31"})
    assert (status, answer["error"]["details"][0]["path"]) == (400, "query.to")


def test_an_end_that_no_timestamp_can_show_is_refused_and_does_not_break_the_list() -> None:
    setup = Setup(DAILY)
    status, answer = setup.call("POST", "/admin/budget-overrides", OVERRIDE | {"until": "9999-12-31T23:59:59-14:00"})
    assert (status, answer["error"]["details"][0]["path"]) == (400, "body.until")
    assert setup.report("/admin/budgets")["overrides"] == []


def test_the_longest_id_of_a_caller_is_found_and_limited() -> None:
    longest = caller_id("https://login.example.com", "%" * MAX_SUBJECT)
    setup = Setup(DAILY)
    setup.add(longest)
    assert setup.report("/admin/usage", caller=longest)["total"]["requests"] == 1
    assert setup.call("POST", "/admin/budget-overrides", OVERRIDE | {"owner": longest})[0] == 201


def test_an_administrator_sees_everyone_s_and_filters() -> None:
    setup = Setup()
    setup.add(name="Ana", team="blue")
    setup.add(OTHER, use_case="hr-qa", model="m2")
    setup.add(OTHER, day="2026-11-26", use_case="hr-qa", model="m3")

    callers = setup.report("/admin/usage", groupBy="caller,team")["items"]
    assert [(each["caller"], each.get("name"), each.get("team"), each["requests"]) for each in callers] == [
        (CALLER, "Ana", "blue", 1),
        (OTHER, None, None, 2),
    ]
    for query, requests in (
        ({"caller": OTHER}, 2),
        ({"team": "blue"}, 1),
        ({"useCase": "hr-qa"}, 2),
        ({"model": "m3"}, 1),
        ({"model": "m3", "from": "2026-11-27"}, 0),
        ({"from": "2026-10-01", "to": "2026-11-26"}, 1),
    ):
        assert setup.report("/admin/usage", **query)["total"]["requests"] == requests


def test_groups_are_sorted_sums() -> None:
    setup = Setup()
    for day, model in (("2026-11-27", "b"), ("2026-11-26", "b"), ("2026-11-27", "a")):
        setup.add(day=day, model=model)
    assert [each["day"] for each in setup.report(groupBy="day")["items"]] == ["2026-11-26", "2026-11-27"]
    assert [each["model"] for each in setup.report(groupBy="model,model")["items"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("query", "path", "problem"),
    [
        ({"groupBy": "day,planet"}, "query.groupBy", "must be one or more of day, caller, team, useCase, model"),
        ({"groupBy": ","}, "query.groupBy", "must be one or more of"),
        ({"from": "2026-11-28"}, "query.from", "after the last day, 2026-11-27"),
        ({"from": "2026-08-27"}, "query.from", "more than 92 days before the last one"),
        ({"from": "27.11.2026"}, "query.from", ""),
        ({"to": "2026-13-01"}, "query.to", ""),
        ({"caller": CALLER}, "query.caller", "is unknown"),
        ({"format": "xml"}, "query.format", ""),
    ],
)
def test_problems_of_a_query_name_its_field(query: dict[str, str], path: str, problem: str) -> None:
    status, body = Setup().call("GET", "/usage", **query)
    assert status == 400
    assert body["error"]["details"][0]["path"] == path
    assert problem in body["error"]["message"]


def test_a_report_with_too_many_rows_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_ROWS", 2)
    setup = Setup()
    for model in "abc":
        setup.add(model=model)
    status, body = setup.call("GET", "/usage")
    assert status == 400
    assert "3 rows, more than 2: group by less" in body["error"]["message"]
    assert len(setup.report(groupBy="day")["items"]) == 1


def test_a_report_that_takes_too_long_ends_in_time() -> None:
    setup = Setup()
    setup.add()
    response = setup.api(
        event("GET", "/usage", None, requestContext={"identity": identity(CALLER)}), LambdaContext(seconds=2)
    )
    assert response["statusCode"] == 504


def test_csv_has_the_rows_and_no_formulas() -> None:
    setup = Setup()
    setup.add(name='=HYPERLINK("https://evil.example")')
    setup.add('+31, "quoted"', team="a")
    text = setup.report("/admin/usage", groupBy="caller,team", format="csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["caller"] for row in rows] == ['\'+31, "quoted"', CALLER]
    assert [row["name"] for row in rows] == ["", '\'=HYPERLINK("https://evil.example")']
    assert {row["estimatedCostUsd"] for row in rows} == {"0.005000001"}
    assert text.splitlines()[0] == (
        "caller,team,name,requests,calls,inputTokens,outputTokens,images,unpricedCalls,estimatedCostUsd"
    )


def test_csv_has_its_type() -> None:
    request = event(
        "GET", "/usage", None, requestContext={"identity": identity(CALLER)}, queryStringParameters={"format": "csv"}
    )
    response = Setup().api(request, LambdaContext())
    assert response["headers"]["Content-Type"] == "text/csv; charset=utf-8"


def of_a_use_case(setup: Setup) -> Any:
    return msgspec.structs.replace(setup.settings, models=("us.amazon.nova-lite-v1:0",))


def reserve(setup: Setup, caller: str = CALLER) -> bool:
    """Whether a new process lets a request of the caller through."""
    budgets = Budgets(of_a_use_case(setup), setup.store, lambda: setup.now, setup.usage)
    try:
        budgets.reserve(context(caller=caller), {}, 29)
    except BudgetExhausted:
        return False
    return True


def test_an_override_replaces_the_limit_of_one_caller() -> None:
    setup = Setup(DAILY)
    assert [reserve(setup) for _ in range(3)] == [True, True, False]

    status, override = setup.call("POST", "/admin/budget-overrides", {**OVERRIDE, "reason": "month end"})

    assert status == 201
    assert (override["limit"], override["owner"], override["createdBy"]) == (3, CALLER, CALLER)
    assert [reserve(setup) for _ in range(2)] == [True, False]
    assert [reserve(setup, OTHER) for _ in range(3)] == [True, True, False]
    assert setup.call("GET", "/admin/budgets")[1]["overrides"][0]["reason"] == "month end"

    assert setup.call("DELETE", f"/admin/budget-overrides/{{id}}={override['id']}") == (204, "")
    setup.call("DELETE", f"/admin/budget-overrides/{{id}}={override['id']}")
    assert setup.call("GET", "/admin/budgets")[1]["overrides"] == []


def test_a_second_override_replaces_the_first() -> None:
    setup = Setup(DAILY)
    ids = {setup.call("POST", "/admin/budget-overrides", {**OVERRIDE, "limit": limit})[1]["id"] for limit in (5, 0)}
    assert len(ids) == 1
    assert not reserve(setup)


def test_an_override_ends() -> None:
    setup = Setup(DAILY)
    until = "2026-11-27T13:00:00+00:00"
    status, override = setup.call("POST", "/admin/budget-overrides", {**OVERRIDE, "limit": 1, "until": until})
    assert (status, override["until"]) == (201, "2026-11-27T13:00:00.000Z")
    assert [reserve(setup) for _ in range(2)] == [True, False]
    setup.now += 3600
    assert setup.call("GET", "/budgets")[1]["items"][0]["limit"] == DAILY.limit
    assert setup.call("GET", "/admin/budgets")[1]["overrides"] == []


def test_a_running_process_learns_of_it_within_half_a_minute() -> None:
    setup = Setup(DAILY)
    budgets = Budgets(of_a_use_case(setup), setup.store, lambda: setup.now, setup.usage)
    budgets.reserve(context(), {}, 29)
    setup.call("POST", "/admin/budget-overrides", {**OVERRIDE, "limit": 1})
    budgets.reserve(context(), {}, 29)
    setup.now += OVERRIDES_SECONDS
    with pytest.raises(BudgetExhausted):
        budgets.reserve(context(), {}, 29)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"of": "usd"}, "body"),
        ({"per": "stage"}, "body"),
        ({"owner": None}, "body.owner"),
        ({"limit": 1.5}, "body.limit"),
        ({"limit": -1}, "body.limit"),
        ({"until": "2026-11-27T12:00:00Z"}, "body.until"),
        ({"until": "2026-11-28T12:00:00"}, "body.until"),
        ({"reason": " "}, "body.reason"),
    ],
)
def test_a_wrong_override_changes_nothing(changes: dict[str, Any], path: str) -> None:
    setup = Setup(DAILY)
    status, body = setup.call("POST", "/admin/budget-overrides", {**OVERRIDE, **changes})
    assert status == 400
    assert body["error"]["details"][0]["path"] == path
    assert not setup.table.items


def test_the_stage_has_no_owner() -> None:
    setup = Setup(Budget(per="stage", of="usd", every="month", limit=5))
    body = {"per": "stage", "of": "usd", "every": "month", "limit": 7.5}
    assert setup.call("POST", "/admin/budget-overrides", {**body, "owner": "x"})[0] == 400
    assert setup.call("POST", "/admin/budget-overrides", body)[0] == 201
    assert setup.call("GET", "/budgets")[1]["items"][0]["limit"] == 7.5


def test_callers_see_what_is_left_of_their_budgets() -> None:
    setup = Setup(
        DAILY,
        Budget(per="team", of="tokens", every="month", limit=9),
        Budget(per="stage", of="usd", every="minute", limit=0.5),
    )
    assert reserve(setup)
    items = setup.call("GET", "/budgets")[1]["items"]
    daily = {"per": "caller", "of": "requests", "every": "day", "limit": 2, "used": 1}
    # What the request may cost.
    of_the_stage = {"per": "stage", "of": "usd", "every": "minute", "limit": 0.5, "used": pytest.approx(0.00048012)}
    assert items == [
        {**daily, "until": "2026-11-28T00:00:00.000Z"},
        {**of_the_stage, "until": "2026-11-27T12:01:00.000Z"},
    ]
    assert setup.call("GET", "/budgets", by=OTHER)[1]["items"][0]["used"] == 0


def test_a_stage_without_budgets_has_none_to_show() -> None:
    setup = Setup()
    assert setup.call("GET", "/budgets")[1]["items"] == []
    assert setup.call("GET", "/admin/budgets")[1]["budgets"] == []
    setup.call("DELETE", "/admin/budget-overrides/{id}=019ac3a0-0000-7000-8000-000000000000")


ADMIN_ROUTES = [
    ("GET", "/admin/usage", None),
    ("GET", "/admin/budgets", None),
    ("POST", "/admin/budget-overrides", OVERRIDE),
    ("DELETE", "/admin/budget-overrides/{id}=019ac3a0-0000-7000-8000-000000000000", None),
]


@pytest.mark.parametrize(("method", "path", "body"), ADMIN_ROUTES)
def test_groups_decide_who_administers(method: str, path: str, body: Any) -> None:
    setup = Setup(DAILY, admins=(ADMIN_ROLE,), auditors=("Auditors",))
    assert setup.call(method, path, body)[0] == 403
    assert setup.call(method, path, body, role="Other")[0] == 403
    assert setup.call(method, path, body, role=ADMIN_ROLE)[0] < 300
    assert (setup.call(method, path, body, role="Auditors")[0] == 200) == (method == "GET")
    assert setup.call("GET", "/usage")[0] == setup.call("GET", "/budgets")[0] == 200


def test_rows_of_all_months_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    setup = Setup()
    for day in ("2026-09-30", "2026-10-31", "2026-11-27"):
        setup.add(day=day)
    report = setup.report(**{"from": "2026-09-01"})
    assert [item["day"] for item in report["items"]] == ["2026-09-30", "2026-10-31", "2026-11-27"]
    assert list(setup.usage.rows(date(2026, 10, 1), date(2026, 10, 30), CALLER)) == []
