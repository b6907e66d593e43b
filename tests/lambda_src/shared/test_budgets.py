"""Budgets: what is estimated, reserved and settled, and what happens at a limit."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from lambda_src.image_generation.models import CreateImages, ListOrCreateQuery
from lambda_src.playground.models import CompareCompletions, CreateCompletion
from lambda_src.shared.budget_store import BudgetOverride, BudgetStore, Standing
from lambda_src.shared.budgets import NANODOLLARS, OUTPUT_TOKENS, PHOTO_TOKENS, Amounts, Budgets, window_at
from lambda_src.shared.catalog import cost, resolve
from lambda_src.shared.context import Context, ModelUse
from lambda_src.shared.errors import DeadlineExceeded, InvalidRequest, ModelFailed, Refused, Throttled, Unavailable
from lambda_src.shared.http import Api
from lambda_src.shared.idempotency import IdempotencyStore
from lambda_src.shared.photos import Photo
from lambda_src.shared.routes import Created, Route
from lambda_src.shared.schemas import Parameters, RequestModel, ResponseModel
from lambda_src.shared.settings import Budget
from lambda_src.shared.streams import ClosingIterator
from lambda_src.shared.usage_store import UsageAmounts, UsageRow, UsageStore
from lambda_src.summarization.models import CreateSummary
from tests.fakes import CALLER, OTHER, FakeTable, LambdaContext, client_error, event, identity, settings

ROOT = Path(__file__).parents[3]
HAIKU = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
NOON = datetime(2026, 11, 27, 12, 0, 30, tzinfo=UTC).timestamp()
# The gateway's 29 s, and the margin.
LAPSED = 40


class Ask(RequestModel):
    text: str = "ab"
    parameters: Parameters | None = None


class Answer(ResponseModel):
    request_id: str


class Service:
    """A model that uses `tokens` of input per call, then fails with `failure`. `during` runs in the call."""

    def __init__(self) -> None:
        self.calls = 0
        self.tokens = 100
        self.failure: BaseException | None = None
        self.during: Callable[[], None] = lambda: None
        self.counts = True
        self.uncounted = 0

    def ask(self, context: Context, *, body: Ask) -> Answer:
        self.calls += 1
        self.during()
        self._use(context)
        if self.failure:
            raise self.failure
        return Answer(request_id=context.request_id)

    def stream(self, context: Context, *, body: Ask) -> ClosingIterator[str | Answer]:
        self.calls += 1

        def items() -> Generator[str | Answer]:
            yield "a"
            if self.failure:
                raise self.failure
            context.used(resolve(HAIKU)).add(input_tokens=self.tokens)
            yield Answer(request_id=context.request_id)

        return ClosingIterator(items(), lambda: context.count_call(resolve(HAIKU), 1))

    def validate(self, context: Context, *, body: Ask) -> Answer:
        raise InvalidRequest.at("body.text", "no")

    def list(self, context: Context, *, query: ListOrCreateQuery) -> Answer | Created:
        if query.prompt is not None:
            self._use(context)
        return Answer(request_id=context.request_id)

    def show(self, context: Context) -> Answer:
        return Answer(request_id=context.request_id)

    def _use(self, context: Context) -> None:
        for _ in range(1 + self.uncounted):
            context.count_call(resolve(HAIKU), 1)
        if self.counts:
            context.used(resolve(HAIKU)).add(input_tokens=self.tokens)


def route(path: str, operation: str, **fields: Any) -> Route:
    defaults = {"method": "POST", "request": Ask, "calls_model": True, "idempotent": True, "summary": ""}
    return Route(path=path, operation=operation, response=Answer, **{**defaults, **fields})


ROUTES = (
    route("/asks", "ask"),
    route("/asks/stream", "stream", stream="answer"),
    route("/invalid", "validate"),
    route("/list", "list", method="GET", request=None, query=ListOrCreateQuery, model_parameter="prompt"),
    route("/plain", "show", method="GET", request=None, calls_model=False),
)


class World:
    """An API with budgets, a clock, and callers."""

    def __init__(self, *budgets: Budget) -> None:
        self.now = NOON
        self.table = FakeTable()
        self.service = Service()
        self.settings = settings(budgets=budgets, budgets_table="budgets", usage_table="usage", models=(HAIKU,))
        self.store = BudgetStore("budgets", self.table, lambda: self.now)
        self.usage = UsageStore("usage", FakeTable())
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.budgets = Budgets(self.settings, self.store, lambda: self.now, self.usage, self.send)
        self.api = Api(ROUTES, self.service, self.settings, IdempotencyStore("keys", FakeTable()), self.budgets)

    def send(self, detail_type: str, detail: dict[str, Any]) -> None:
        self.events.append((detail_type, detail))

    def event(
        self, path: str = "/asks", body: Any = None, *, caller: str = CALLER, team: str | None = None, **changes: Any
    ) -> dict[str, Any]:
        authorizer = {"authorizer": {"caller": caller, "team": team}} if team else {"identity": identity(caller)}
        method = "GET" if path in ("/list", "/plain") else "POST"
        return event(method, path, {} if body is None else body, requestContext=authorizer, **changes)

    def call(self, *arguments: Any, **options: Any) -> tuple[int, Any, dict[str, str]]:
        response = self.api(self.event(*arguments, **options), LambdaContext())
        body = response["body"]
        return response["statusCode"], body if body.startswith("event:") else json.loads(body), response["headers"]

    def status(self, *arguments: Any, **options: Any) -> int:
        return self.call(*arguments, **options)[0]

    def item(self, partition: str = f"caller#{CALLER}") -> dict[str, Any]:
        (item,) = [item for key, item in self.table.items.items() if key[0] == partition]
        return item

    def committed(self, partition: str = f"caller#{CALLER}") -> int:
        return int(self.item(partition)["committed"]["N"])

    def reserved(self, partition: str = f"caller#{CALLER}") -> int:
        return len([name for name in self.item(partition) if name.startswith("hold-")])


def budget(
    per: Any = "caller", of: Any = "requests", every: Any = "day", limit: float = 2, warn: tuple[float, ...] = ()
) -> Budget:
    return Budget(per=per, of=of, every=every, limit=limit, warn=warn)


# The body `{"text":"ab","parameters":null}` has 31 bytes.
ESTIMATE = OUTPUT_TOKENS + 11


def estimated(world: World) -> Amounts:
    return world.budgets.estimate({"body": Ask()})


@pytest.mark.parametrize(
    ("every", "end"),
    [
        ("minute", "2026-11-27T12:01:00Z"),
        ("day", "2026-11-28T00:00:00Z"),
        ("month", "2026-12-01T00:00:00Z"),
    ],
)
def test_a_request_beyond_the_limit_is_refused_until_the_window_ends(every: str, end: str) -> None:
    world = World(budget(every=every))
    assert [world.status() for _ in range(2)] == [200, 200]

    status, body, headers = world.call()

    assert (status, body["error"]["code"]) == (429, "budget_exhausted")
    assert f"The caller's budget of 2 requests per {every}" in body["error"]["message"]
    assert end in body["error"]["message"]
    ends_at = datetime.fromisoformat(end).timestamp()
    assert headers["Retry-After"] == str(round(ends_at - NOON))
    assert world.service.calls == 2
    world.now = ends_at - 1
    assert world.status() == 429
    world.now = ends_at
    assert world.status() == 200


def test_used_tokens_and_dollars_count_not_estimates() -> None:
    world = World(budget(of="tokens", limit=5_000), budget(of="usd", limit=1), budget(limit=9))
    for _ in range(3):
        assert world.status() == 200

    sums = {key[1].partition("#")[0]: int(item["committed"]["N"]) for key, item in world.table.items.items()}

    price = cost(resolve(HAIKU), input_tokens=100)
    assert price
    assert sums == {"requests": 3, "tokens": 300, "usd": 3 * round(price * NANODOLLARS)}


def test_tokens_run_out() -> None:
    world = World(budget(of="tokens", limit=3_000))
    world.service.tokens = 400
    statuses = [world.status() for _ in range(4)]

    # The last 200 tokens are too few for a request's estimate.
    assert statuses == [200, 200, 200, 429]
    assert world.committed() == 1_200


def test_dollars_run_out() -> None:
    world = World(budget(of="usd", every="month", limit=0.02))
    world.service.tokens = 9_000
    status, body, _ = [world.call() for _ in range(3)][-1]

    assert status == 429
    assert "The caller's budget of 0.02 USD per month" in body["error"]["message"]


def test_callers_are_separate_and_their_ids_may_contain_anything_but_a_number_sign() -> None:
    world = World(budget(limit=1))
    for caller in (CALLER, OTHER, "oidc:https://idp.example/a|b%2Fc", "owner:a:b|c"):
        options = {"caller": caller, "team": "x"}
        assert [world.status(**options), world.status(**options)] == [200, 429]
    assert len(world.table.items) == 4


def test_a_team_shares_its_budget_and_a_caller_without_one_has_none() -> None:
    world = World(budget("team"))

    assert [world.status(caller=caller, team="blue") for caller in (CALLER, OTHER, "c")] == [200, 200, 429]
    assert world.status(caller=CALLER, team="red") == 200
    assert [world.status() for _ in range(4)] == [200] * 4
    assert {key[0] for key in world.table.items} == {"team#blue", "team#red"}


def test_the_stage_shares_its_budget() -> None:
    world = World(budget("stage"))
    assert [world.status(caller=caller) for caller in (CALLER, OTHER, "AIDAC0000000000000000")] == [200, 200, 429]
    assert world.committed("stage") == 2


def test_use_cases_share_the_stage_s_budget() -> None:
    world = World(budget("stage"))
    other = World(budget("stage"))
    other.table.items = world.table.items
    assert [world.status(), other.status(), world.status(), other.status()] == [200, 200, 429, 429]


def test_a_refused_request_holds_nothing_of_other_budgets() -> None:
    world = World(budget("stage", limit=1), budget(limit=5), budget("team", limit=5))
    assert world.status(team="blue") == 200

    assert world.status(caller=OTHER, team="blue") == 429

    for partition in (f"caller#{OTHER}", "team#blue", "stage"):
        assert world.reserved(partition) == 0
    assert world.committed(f"caller#{OTHER}") == 0
    assert world.committed("team#blue") == 1


def test_routes_and_requests_that_call_no_model_are_free() -> None:
    world = World(budget(limit=1))
    for _ in range(3):
        assert world.status("/plain") == 200
        assert world.status("/list") == 200
        assert world.status("/invalid") == 400
    assert world.status("/list", query={"prompt": "a cat"}) == 200
    assert world.status("/list", query={"prompt": "a cat"}) == 429
    assert world.status("/list") == 200


def test_a_replay_reserves_nothing() -> None:
    world = World(budget(limit=1))
    key = {"Idempotency-Key": "k"}
    assert world.call(headers=key)[:2] == world.call(headers=key)[:2]
    assert world.committed() == 1


def test_a_refused_request_frees_its_idempotency_key() -> None:
    world = World(budget(limit=1, every="minute"))
    world.status()
    assert world.status(headers={"Idempotency-Key": "k"}) == 429
    world.now += 60
    assert world.status(headers={"Idempotency-Key": "k"}) == 200


@pytest.mark.parametrize("failure", [Refused("no"), ModelFailed("no"), RuntimeError("bug")])
def test_a_failure_counts_what_was_used(failure: Exception) -> None:
    world = World(budget(of="tokens", limit=9_000))
    world.service.failure = failure
    assert world.status() >= 400
    assert (world.committed(), world.reserved()) == (100, 0)


@pytest.mark.parametrize(
    ("failure", "counted"),
    [
        # Bedrock bills nothing.
        (Throttled("later"), 0),
        (Unavailable("later"), 0),
        # It may have: the estimate stays.
        (DeadlineExceeded("late"), ESTIMATE),
        (RuntimeError("bug"), ESTIMATE),
    ],
)
def test_a_call_that_was_never_counted(failure: Exception, counted: int) -> None:
    world = World(budget(of="tokens", limit=9_000))
    world.service.failure, world.service.counts = failure, False
    world.status()
    assert (world.committed(), world.reserved()) == (counted, 0)


def test_one_of_several_calls_that_was_never_counted() -> None:
    """Such as a summary before an answer whose stream the client closes: the count of the one is not that of both."""
    world = World(budget(of="tokens", limit=9_000))
    world.service.uncounted, world.service.failure = 1, DeadlineExceeded("late")
    world.status()
    assert (world.committed(), world.reserved()) == (ESTIMATE, 0)


def test_a_stream_is_settled_at_its_end() -> None:
    world = World(budget(of="tokens", limit=9_000))
    response = world.api.respond(world.event("/asks/stream"), LambdaContext())
    assert isinstance(response.body, ClosingIterator)
    next(response.body)
    assert (world.committed(), world.reserved()) == (ESTIMATE, 1)

    list(response.body)

    assert (world.committed(), world.reserved()) == (100, 0)


@pytest.mark.parametrize("started", [True, False])
def test_the_estimate_of_a_stream_that_ends_before_its_usage_stays(started: bool) -> None:
    """The client is gone; the model's answer so far is billed, but Bedrock's count comes last."""
    world = World(budget(of="tokens", limit=9_000))
    response = world.api.respond(world.event("/asks/stream"), LambdaContext())
    assert isinstance(response.body, ClosingIterator)
    if started:
        next(response.body)

    response.body.close()

    assert (world.committed(), world.reserved()) == (ESTIMATE, 0)


def test_a_stream_that_fails_is_settled_once() -> None:
    world = World(budget(of="tokens", limit=9_000))
    world.service.failure = Unavailable("cut")
    status, body, _ = world.call("/asks/stream")

    assert (status, "event: error" in body) == (200, True)
    assert (world.committed(), world.reserved()) == (ESTIMATE, 0)


def test_a_stream_is_refused_before_it_starts() -> None:
    world = World(budget(limit=1))
    assert world.status("/asks/stream") == 200
    status, body, headers = world.call("/asks/stream")
    assert (status, body["error"]["code"]) == (429, "budget_exhausted")
    assert "Retry-After" in headers


class Killed(BaseException):
    """The function is killed: nothing after it runs."""


def kill(world: World, **options: Any) -> None:
    """A request whose function is killed in the call: its reservation stays."""

    def during() -> None:
        raise Killed

    world.service.during = during
    settle, world.store.settle = world.store.settle, lambda *_: Standing()  # type: ignore[method-assign]
    with pytest.raises(Killed):
        world.call(**options)
    world.store.settle = settle  # type: ignore[method-assign]
    world.service.during = lambda: None


def test_the_reservation_of_a_killed_function_lapses() -> None:
    world = World(budget(limit=1))
    kill(world)
    assert world.reserved() == 1
    world.now += LAPSED - 10
    assert world.status() == 429

    world.now += 10

    assert world.status() == 200
    assert (world.committed(), world.reserved()) == (1, 0)


def test_lapsed_reservations_are_removed_only_when_there_is_no_room() -> None:
    world = World(budget(limit=3))
    kill(world)
    world.now += LAPSED
    assert world.status() == 200
    assert (world.committed(), world.reserved()) == (2, 1)


def test_many_lapsed_reservations_are_removed_in_parts() -> None:
    world = World(budget("stage", limit=60))
    for _ in range(60):
        kill(world)
    world.now += LAPSED
    assert world.status() == 200
    assert (world.committed("stage"), world.reserved("stage")) == (11, 10)


def test_requests_that_remove_lapsed_reservations_at_once_subtract_them_once() -> None:
    world = World(budget("stage", limit=5))
    for _ in range(5):
        kill(world)
    world.now += LAPSED

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(lambda _: world.status(), range(20)))

    assert statuses.count(200) == 5
    assert (world.committed("stage"), world.reserved("stage")) == (5, 0)


def test_a_reservation_that_lapsed_and_was_removed_is_settled_with_what_was_used() -> None:
    """The clocks of two machines differ, or a process was frozen."""
    world = World(budget(of="tokens", limit=ESTIMATE))

    def during() -> None:
        world.now += LAPSED
        world.service.during = lambda: None
        assert world.status() == 200

    world.service.during = during
    assert world.status() == 200
    assert (world.committed(), world.reserved()) == (200, 0)


def test_writes_that_botocore_repeats_count_once() -> None:
    world = World(budget(limit=5))
    update, lost = world.table.update_item, client_error("ConditionalCheckFailedException")

    def twice(**request: Any) -> Any:
        update(**request)
        try:
            return update(**request)
        except type(lost) as error:
            raise error from None

    world.table.update_item = twice  # type: ignore[method-assign]
    assert world.status() == 200
    assert (world.committed(), world.reserved()) == (1, 0)


def test_without_the_store_no_model_is_called() -> None:
    world = World(budget(limit=5))
    world.table.fail["update_item"] = client_error("InternalServerError")
    status, body, headers = world.call()
    assert (status, body["error"]["code"]) == (503, "unavailable")
    assert "Retry-After" in headers
    assert world.service.calls == 0


def test_an_answer_is_delivered_when_the_store_fails_after_it() -> None:
    world = World(budget(limit=1))

    def during() -> None:
        world.table.fail["update_item"] = client_error("InternalServerError")

    world.service.during = during
    assert world.status() == 200
    world.table.fail.clear()
    world.service.during = lambda: None
    assert world.status() == 429
    # It lapses like that of a killed request.
    world.now += LAPSED
    assert world.status() == 200


@pytest.mark.parametrize("of", ["tokens", "usd"])
def test_a_request_that_no_window_has_room_for_is_refused_without_retry_after(of: str) -> None:
    world = World(budget(of=of, limit=0.001 if of == "usd" else 1_000))
    status, body, headers = world.call()

    assert (status, body["error"]["code"]) == (429, "budget_exhausted")
    assert "that this request may use" in body["error"]["message"]
    assert "Retry-After" not in headers
    assert world.table.items == {}
    assert world.status(body={"parameters": {"maxTokens": 50}}) == 200


@pytest.mark.parametrize(("tokens", "expected"), [(-1_000_000, 0), (10**30, None), (0, 0)])
def test_a_limit_of_the_answer_that_no_model_takes_reserves_a_possible_amount(
    tokens: int, expected: int | None
) -> None:
    """The body is checked against the model later: a negative estimate would free what others have used."""
    world = World(budget(of="tokens", limit=10**9))
    body = Ask(parameters=Parameters(max_tokens=tokens))
    if expected is None:
        expected = int(resolve(HAIKU).model.parameters["maxTokens"].max)

    amounts = world.budgets.estimate({"body": body})

    assert 0 <= amounts.tokens - expected < 150


def test_a_comparison_is_estimated_for_each_model() -> None:
    world = World()
    single = world.budgets.estimate({"body": CreateCompletion(prompt="a" * 300)})
    both = world.budgets.estimate({"body": CompareCompletions(models=[HAIKU, "b"], prompt="a" * 300)})
    assert both.requests == 1
    assert 2 * single.tokens <= both.tokens <= 2 * single.tokens + 40
    assert both.usd >= 2 * single.usd > 0


def test_the_most_expensive_model_decides() -> None:
    cheap, expensive = "us.amazon.nova-micro-v1:0", HAIKU
    estimates = [
        Budgets(settings(models=models), BudgetStore("budgets", FakeTable())).estimate({"body": Ask()}).usd
        for models in ((cheap,), (expensive,), (cheap, expensive))
    ]
    assert estimates[0] < estimates[1] == estimates[2]


def test_a_fallback_may_be_the_most_expensive_model() -> None:
    cheap = "us.amazon.nova-micro-v1:0"
    estimates = [
        Budgets(settings(models=models, fallbacks=fallbacks), BudgetStore("budgets", FakeTable())).estimate(
            {"body": Ask()}
        )
        for models, fallbacks in (((HAIKU,), ()), ((cheap,), ((cheap, HAIKU),)))
    ]
    assert estimates[0] == estimates[1]


def test_photos_are_estimated_by_their_number_not_their_bytes() -> None:
    world = World()
    photo = Photo(content_type="image/png", data=b"x" * 1_000_000)
    amounts = world.budgets.estimate({"body": CreateSummary(text="a", photos=[photo, photo])})
    assert 2 * PHOTO_TOKENS + OUTPUT_TOKENS < amounts.tokens < 2 * PHOTO_TOKENS + OUTPUT_TOKENS + 200


@pytest.mark.parametrize("body", [CreateImages(prompt="a cat", count=3), None])
def test_images_cost_their_number(body: CreateImages | None) -> None:
    model = "stability.stable-image-core-v1:1"
    budgets = Budgets(settings(models=(model,)), BudgetStore("budgets", FakeTable()))
    price = cost(resolve(model), images=3 if body else 1)
    assert price
    assert budgets.estimate({"body": body}) == Amounts(requests=1, tokens=0, usd=round(price * NANODOLLARS))


def test_an_embedding_has_no_output() -> None:
    budgets = Budgets(settings(models=("amazon.titan-embed-text-v2:0",)), BudgetStore("budgets", FakeTable()))
    assert budgets.estimate({"body": Ask(text="a" * 300)}).tokens < 150


def test_a_model_without_a_price_costs_nothing() -> None:
    world = World(budget(of="usd", limit=1))
    world.budgets._models = [msgspec.structs.replace(resolve(HAIKU), model=_without_prices())]
    assert estimated(world).usd == 0


def _without_prices() -> Any:
    return msgspec.structs.replace(resolve(HAIKU).model, prices={})


@given(st.floats(min_value=0, max_value=4e9))
def test_windows_are_calendar_units_that_contain_their_time(now: float) -> None:
    for every in ("minute", "day", "month"):
        window = window_at(every, now)
        assert window.start.timestamp() <= now < window.end.timestamp()
        # The next one begins where it ends.
        assert window_at(every, window.end.timestamp()).start == window.end
        assert window.start.second == 0
        assert every == "minute" or (window.start.hour, window.start.minute) == (0, 0)
        assert every != "month" or window.start.day == 1


@hypothesis_settings(max_examples=5, deadline=None)
@given(st.integers(1, 150), st.integers(0, 3 * ESTIMATE))
def test_two_hundred_callers_in_parallel_exceed_the_limit_by_what_was_in_flight_only(requests: int, used: int) -> None:
    limit = requests * ESTIMATE
    world = World(budget("stage", "tokens", limit=limit), budget(limit=1))
    world.service.tokens = used
    # Lets the others run.
    world.service.during = lambda: time.sleep(0.001)
    update, admitted_at, in_flight = world.table.update_item, [0], [0]

    def watched(**request: Any) -> Any:
        answer = update(**request)
        item = answer["Attributes"]
        if item["pk"]["S"] == "stage":
            in_flight.append(len([name for name in item if name.startswith("hold-")]))
            if ":room" in request["ExpressionAttributeValues"]:
                admitted_at.append(int(item["committed"]["N"]))
        return answer

    world.table.update_item = watched  # type: ignore[method-assign]
    with ThreadPoolExecutor(200) as pool:
        statuses = list(pool.map(lambda number: world.status(caller=f"c{number}", team="t"), range(200)))

    admitted = statuses.count(200)
    assert set(statuses) <= {200, 429}
    assert admitted >= 1
    assert max(admitted_at) <= limit
    assert world.committed("stage") == admitted * used
    assert world.committed("stage") <= limit + max(in_flight) * max(0, used - ESTIMATE)
    assert not [name for item in world.table.items.values() for name in item if name.startswith("hold-")]


def test_items_expire_after_their_window() -> None:
    world = World(budget(every="minute"))
    world.status()
    assert int(world.item()["expiresAt"]["N"]) == NOON + 30 + 24 * 3600


def test_use_is_only_counted_when_it_is_reported() -> None:
    use = ModelUse(resolve(HAIKU))
    assert not use.counted
    use.add()
    assert use.counted


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"USAGE_TABLE": "usage"},
        {
            "USAGE_TABLE": "usage",
            "BUDGETS_TABLE": "budgets",
            "BUDGETS": '[{"per":"stage","of":"usd","every":"day","limit":9.5}]',
        },
    ],
)
@pytest.mark.parametrize("use_case", ["summarization", "credit_risk"])
def test_only_a_stage_that_records_use_starts_with_the_code_for_it(use_case: str, variables: dict[str, str]) -> None:
    code = f"import sys, lambda_src.{use_case}.handler\n"
    code += "print(*(name for name in sys.modules if 'budget' in name or 'usage' in name))"
    environment = {
        "PATH": os.environ["PATH"],
        "STAGE": "test",
        "USE_CASE": use_case,
        "TABLE_NAME": "table",
        "BUCKET_NAME": "bucket",
        "QUEUE_URL": "queue",
        "TRAINING_QUEUE_URL": "queue",
        "MODELS": HAIKU,
        "AWS_DEFAULT_REGION": "us-west-2",
        **variables,
    }
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    expected = ("budget_events", "budget_store", "budgets", "usage_store") if variables else ()
    assert sorted(process.stdout.split()) == [f"lambda_src.shared.{name}" for name in expected]


def used(world: World) -> list[UsageRow]:
    return list(world.usage.rows(date(2026, 11, 1), date(2026, 11, 30)))


@pytest.mark.parametrize("limited", [True, False])
def test_what_requests_used_is_recorded(limited: bool) -> None:
    world = World(*([budget(limit=9)] if limited else []))
    assert world.status() == 200
    assert world.status(team="blue") == 200
    assert world.call("/asks/stream")[0] == 200
    world.service.failure = ModelFailed("no")
    assert world.status() == 502
    assert world.status("/plain") == 200

    rows = {row.team: row.amounts for row in used(world)}

    cost_of_one = round((cost(resolve(HAIKU), input_tokens=100) or 0) * NANODOLLARS)
    assert rows["blue"] == UsageAmounts(requests=1, calls=1, input_tokens=100, nanodollars=cost_of_one)
    assert rows[None] == UsageAmounts(requests=3, calls=3, input_tokens=300, nanodollars=3 * cost_of_one)


def test_a_replay_and_a_refused_request_use_nothing() -> None:
    world = World(budget(limit=1))
    for _ in range(2):
        assert world.status(headers={"Content-Type": "application/json", "Idempotency-Key": "k"}) == 200
    assert world.status() == 429
    assert [row.amounts.requests for row in used(world)] == [1]


def test_an_answer_is_delivered_though_its_use_is_not_recorded() -> None:
    world = World(budget())
    world.usage._dynamodb.fail["update_item"] = client_error("InternalServerError")
    assert world.status() == 200


def test_each_share_sends_one_event_per_window() -> None:
    world = World(budget(limit=4, warn=(0.5, 1.0)))
    assert [world.status() for _ in range(3)] == [200, 200, 200]
    assert world.events == [
        (
            "Budget warning",
            {
                **{"stage": "test", "per": "caller", "of": "requests", "every": "day", "limit": 4, "share": 0.5},
                **{"caller": CALLER, "until": "2026-11-28T00:00:00Z"},
            },
        )
    ]
    assert [world.status() for _ in range(3)] == [200, 429, 429]
    assert [name for name, _ in world.events] == ["Budget warning", "Budget exhausted"]
    world.now += 24 * 3600
    assert [world.status() for _ in range(2)] == [200, 200]
    assert len(world.events) == 3


def test_a_request_that_is_refused_exhausts_a_budget_that_is_not_used_up() -> None:
    world = World(budget("stage", of="tokens", limit=3_000, warn=(1.0,)))
    world.service.tokens = 1_500
    assert [world.status(), world.status()] == [200, 429]
    ((name, detail),) = world.events
    assert name == "Budget exhausted"
    assert "caller" not in detail


def test_a_budget_without_shares_sends_nothing() -> None:
    world = World(budget(limit=1))
    assert [world.status(), world.status()] == [200, 429]
    assert world.events == []
    assert "warned" not in world.item(f"caller#{CALLER}")


def test_an_event_that_cannot_be_sent_changes_no_answer() -> None:
    world = World(budget(limit=1, warn=(1.0,)))

    def fail(*_: Any) -> None:
        raise Unavailable("no")

    world.budgets._send = fail
    assert [world.status(), world.status()] == [200, 429]


@pytest.mark.parametrize("of", ["tokens", "usd"])
def test_a_limit_of_zero_also_blocks_what_uses_nothing_of_it(of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Images have no tokens, and some models no price."""
    world = World(budget(of=of, limit=9_000))
    monkeypatch.setattr(world.budgets, "estimate", lambda arguments: Amounts(requests=1))
    about = {"id": "x", "per": "caller", "of": of, "every": "day", "owner": CALLER, "createdAt": 0, "createdBy": "a"}
    world.store.put_override(msgspec.convert({**about, "limit": 0.0}, BudgetOverride))
    status, body, headers = world.call()
    assert (status, body["error"]["code"], "Retry-After" in headers) == (429, "budget_exhausted", False)
    assert world.service.calls == 0


def test_limits_cannot_be_checked_without_the_overrides() -> None:
    world = World(budget())
    world.table.fail["query"] = client_error("InternalServerError")
    assert world.status() == 503
    assert world.service.calls == 0
