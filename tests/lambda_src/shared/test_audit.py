"""The audit trail: which requests leave which records, what is in them, and what happens without the log group."""

import json
import logging
import os
import subprocess
import sys
import typing
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from botocore.stub import Stubber

from lambda_src import registry
from lambda_src.access.models import NewKey
from lambda_src.chatbot.models import MessagePhoto
from lambda_src.image_generation.models import ListOrCreateQuery
from lambda_src.shared import audit
from lambda_src.shared.audit import MAX_RECORD_BYTES, AuditLog
from lambda_src.shared.catalog import resolve
from lambda_src.shared.context import Context
from lambda_src.shared.errors import BudgetExhausted, ModelFailed
from lambda_src.shared.http import AUDIT_SECONDS, RESERVED_SECONDS, Api
from lambda_src.shared.idempotency import IdempotencyStore
from lambda_src.shared.photos import Photo
from lambda_src.shared.routes import Csv, Route
from lambda_src.shared.schemas import NOT_AUDITED, RequestModel, ResponseModel, Upload
from lambda_src.shared.streams import ClosingIterator
from tests.fakes import CALLER, FakeTable, LambdaContext, client_error, event, identity, settings

ROOT = Path(__file__).parents[3]
HAIKU = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
GROUP = "/bedrock-endpoints/test/audit"
NOW = 1_795_000_000.25
SECRET = "be_" + 32 * "0" + "_" + 43 * "s"
PRESIGNED = "https://bucket.example/photo?X-Amz-Signature=abc"


class NotFoundError(Exception):
    pass


class ExistsError(Exception):
    pass


class FakeLogs:
    """A client of one log group, which has no stream at first. `failures` are raised by the next writes."""

    class exceptions:
        ResourceNotFoundException = NotFoundError
        ResourceAlreadyExistsException = ExistsError

    def __init__(self) -> None:
        self.streams: dict[str, list[dict[str, Any]]] = {}
        self.calls: list[str] = []
        self.failures: list[Exception | None] = []
        self.rejects = False

    def put_log_events(self, *, logGroupName: str, logStreamName: str, logEvents: list[Any]) -> dict[str, Any]:
        self.calls.append("put")
        assert logGroupName == GROUP
        failure = self.failures.pop(0) if self.failures else None
        if failure:
            raise failure
        if logStreamName not in self.streams:
            raise NotFoundError
        self.streams[logStreamName] += logEvents
        return {"rejectedLogEventsInfo": {"expiredLogEventEndIndex": 1}} if self.rejects else {}

    def create_log_stream(self, *, logGroupName: str, logStreamName: str) -> None:
        self.calls.append("create")
        if logStreamName in self.streams:
            raise ExistsError
        self.streams[logStreamName] = []


class Ask(RequestModel):
    text: str = "how?"
    photos: list[Photo] = []


class Answer(ResponseModel):
    text: str
    vectors: list[list[float]]
    photo: MessagePhoto
    upload: Upload
    request_id: str


class Service:
    """Answers, or fails with `failure`. `during` runs in the work."""

    def __init__(self) -> None:
        self.failure: BaseException | None = None
        self.during: Callable[[], None] = lambda: None
        self.calls = 0

    def ask(self, context: Context, *, body: Ask, id: str = "") -> Answer:
        self.calls += 1
        self.during()
        context.count_call(resolve(HAIKU), 7)
        context.used(resolve(HAIKU)).add(input_tokens=100, output_tokens=5)
        if self.failure:
            raise self.failure
        photo = MessagePhoto(content_type="image/png", url=PRESIGNED, url_expires_at="later")
        upload = Upload(url="https://bucket.example", fields={"x-amz-signature": "abc"}, expires_at="later")
        return Answer(text="like this", vectors=[[0.5, 1.5]], photo=photo, upload=upload, request_id=context.request_id)

    def stream(self, context: Context, *, body: Ask) -> ClosingIterator[str | Answer]:
        def items() -> Generator[str | Answer]:
            yield "like "
            yield "this"
            yield self.ask(context, body=body)

        return ClosingIterator(items(), lambda: None)

    def list(self, context: Context, *, query: ListOrCreateQuery) -> Answer:
        return self.ask(context, body=Ask())

    def report(self, context: Context) -> Csv:
        return Csv("day,requests\n2026-11-27,3\n")

    def create_key(self, context: Context, *, body: Ask) -> NewKey:
        return NewKey(
            **{"id": "k", "name": "n", "owner": "o", "groups": [], "status": "active", "created_at": "now"},
            **{"created_by": "c", "expires_at": "later", "request_id": context.request_id, "key": SECRET},
        )


def route(path: str, operation: str, **fields: Any) -> Route:
    defaults = {"method": "POST", "request": Ask, "idempotent": True, "summary": "", "max_body_bytes": 5_000_000}
    return Route(path=path, operation=operation, response=Answer, **{**defaults, **fields})


ROUTES = (
    route("/asks", "ask", calls_model=True),
    route("/asks/{id}", "ask"),
    route("/asks/stream", "stream", stream="answer"),
    route(
        "/list", "list", method="GET", request=None, query=ListOrCreateQuery, model_parameter="prompt", calls_model=True
    ),
    route("/report", "report", method="GET", request=None),
    route("/admin/keys", "create_key", idempotent=False),
)
GETS = ("/list", "/report")


class World:
    """An API with an audit trail."""

    def __init__(self, *, contents: bool = False) -> None:
        self.logs = FakeLogs()
        self.service = Service()
        changes = {"audit_group": GROUP, "audit_contents": contents, "models": (HAIKU,)}
        self.settings = settings(**changes)
        log = AuditLog(self.settings, self.logs, lambda: NOW)
        self.api = Api(ROUTES, self.service, self.settings, IdempotencyStore("keys", FakeTable()), audit=log)

    def event(self, resource: str = "/asks", body: Any = None, **changes: Any) -> dict[str, Any]:
        return event("GET" if resource in GETS else "POST", resource, {} if body is None else body, **changes)

    def call(self, *arguments: Any, **changes: Any) -> tuple[int, Any]:
        response = self.api(self.event(*arguments, **changes), LambdaContext())
        body = response["body"]
        return response["statusCode"], json.loads(body) if body.startswith("{") else body

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(each["message"]) for each in self.logs.streams.get("summarization", [])]

    @property
    def text(self) -> str:
        return json.dumps(self.logs.streams)


def test_a_request_leaves_a_record_before_the_work_and_one_after_it() -> None:
    world = World()
    world.service.during = lambda: asked.extend(world.records)
    asked: list[dict[str, Any]] = []

    assert world.call()[0] == 200

    who = {
        **{"stage": "test", "use_case": "summarization", "request_id": "request-1"},
        **{"method": "POST", "route": "/asks", "caller": CALLER, "source": "iam", "groups": []},
        "principal": identity()["userArn"],
    }
    assert asked == [{"record": "asked", **who}]
    answered = world.records[1]
    (model,) = answered.pop("models")
    assert answered.pop("duration_ms") >= 0
    assert answered == {"record": "answered", **who, "status": 200}
    assert (model["model"], model["calls"], model["input_tokens"], model["output_tokens"]) == (HAIKU, 1, 100, 5)
    assert {each["timestamp"] for each in world.logs.streams["summarization"]} == {int(NOW * 1000)}


def test_a_key_s_caller_is_recorded_with_its_grant() -> None:
    authorizer = {
        **{"caller": "owner:billing", "name": "invoices", "team": "payments", "keyId": "k-1"},
        "groups": '["staff","all"]',
    }
    world = World()
    world.call(requestContext={"requestId": "r", "authorizer": authorizer})
    expected = {"caller": "owner:billing", "caller_name": "invoices", "team": "payments", "key_id": "k-1"}
    for record in world.records:
        assert record.items() >= {**expected, "source": "key", "request_id": "r"}.items()
        assert record["groups"] == ["all", "staff"]


@pytest.mark.parametrize(
    ("authorizer", "source"),
    [({"caller": "oidc:1"}, "token"), ({"claims": {"sub": "0b0c", "cognito:groups": "a"}}, "cognito")],
)
def test_the_source_says_how_the_caller_was_let_in(authorizer: dict[str, Any], source: str) -> None:
    world = World()
    world.call(requestContext={"requestId": "r", "authorizer": authorizer})
    assert [record["source"] for record in world.records] == [source, source]


def test_a_read_leaves_one_record_and_one_that_calls_a_model_two() -> None:
    world = World()
    assert world.call("/list")[0] == 200
    assert [record["record"] for record in world.records] == ["answered"]
    assert world.call("/list", query={"prompt": "a cat"})[0] == 200
    assert [record["record"] for record in world.records] == ["answered", "asked", "answered"]
    assert "a cat" not in world.text


@pytest.mark.parametrize(
    ("arguments", "status", "error", "records"),
    [
        ({"path": "/nowhere"}, 404, "not_found", 1),
        ({"path": "/asks", "body": {"no": 1}}, 400, "invalid_request", 1),
        ({"path": "/asks"}, 502, "model_error", 2),
    ],
)
def test_what_is_refused_or_fails_is_recorded(arguments: dict[str, Any], status: int, error: str, records: int) -> None:
    world = World()
    world.service.failure = ModelFailed("no")
    assert world.call(arguments["path"], arguments.get("body"))[0] == status
    assert len(world.records) == records
    assert (world.records[-1]["status"], world.records[-1]["error"]) == (status, error)


def test_an_exhausted_budget_is_recorded() -> None:
    world = World()

    class Exhausted:
        def reserve(self, *_: Any) -> None:
            raise BudgetExhausted("no")

    world.api._budgets = Exhausted()  # type: ignore[assignment]
    assert world.call()[0] == 429
    assert world.records[-1]["error"] == "budget_exhausted"
    assert world.service.calls == 0


def test_a_killed_function_leaves_the_first_record() -> None:
    world = World()
    world.service.failure = SystemExit()
    with pytest.raises(SystemExit):
        world.call()
    assert [record["record"] for record in world.records] == ["asked"]


def test_a_request_without_a_caller_leaves_none() -> None:
    world = World()
    assert world.call(requestContext={"requestId": "r"})[0] == 401
    assert world.logs.calls == []


def test_a_replay_is_recorded_without_its_texts() -> None:
    world = World(contents=True)
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
    for _ in range(2):
        assert world.call(headers=headers)[0] == 200
    first, replay = [record for record in world.records if record["record"] == "answered"]
    assert "replayed" not in first
    assert replay["replayed"] is True
    assert "contents" in first
    assert "contents" not in replay
    assert replay["models"] == []


@pytest.mark.parametrize("failures", [1, 2])
def test_without_the_first_record_nothing_runs(failures: int) -> None:
    world = World()
    world.logs.failures = [client_error("ServiceUnavailableException") for _ in range(failures)]
    status, body = world.call()
    assert (status, body["error"]["code"]) == (503, "unavailable")
    assert world.service.calls == 0
    assert [record["status"] for record in world.records] == [503] * (2 - failures)


def test_a_read_without_its_record_is_not_delivered() -> None:
    world = World()
    world.logs.failures = [client_error("ServiceUnavailableException") for _ in range(2)]
    status, body = world.call("/report")
    assert (status, body["error"]["code"]) == (503, "unavailable")


def test_an_answer_is_delivered_though_its_record_is_not_written(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.call("/report")
    world.logs.failures = [None, client_error("ServiceUnavailableException")]
    with caplog.at_level(logging.ERROR):
        assert world.call()[0] == 200
    assert [record["record"] for record in world.records][1:] == ["asked"]


def test_a_rejected_record_is_not_a_record() -> None:
    world = World()
    world.logs.rejects = True
    assert world.call()[0] == 503
    assert world.service.calls == 0


def test_the_stream_is_created_once_and_may_exist() -> None:
    world = World()
    world.call()
    assert world.logs.calls == ["put", "create", "put", "put"]

    class Race(FakeLogs):
        def create_log_stream(self, *, logGroupName: str, logStreamName: str) -> None:
            self.streams[logStreamName] = []
            super().create_log_stream(logGroupName=logGroupName, logStreamName=logStreamName)

    race = Race()
    AuditLog(world.settings, race).write({"record": "asked"})
    assert len(race.streams["summarization"]) == 1


def test_without_the_group_requests_are_refused() -> None:
    world = World()

    def missing(**_: Any) -> None:
        raise client_error("ResourceNotFoundException")

    world.logs.create_log_stream = missing  # type: ignore[method-assign]
    assert world.call()[0] == 503


def test_botocore_s_errors_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    client = audit.logs_client()
    assert (client.meta.config.connect_timeout, client.meta.config.read_timeout) == (1, 1)
    with Stubber(client) as stub:
        stub.add_client_error("put_log_events", "ResourceNotFoundException")
        stub.add_client_error("create_log_stream", "ResourceAlreadyExistsException")
        stub.add_response("put_log_events", {})
        AuditLog(settings(audit_group=GROUP), client).write({"record": "asked"})
        stub.assert_no_pending_responses()


def frames(world: World, path: str = "/asks/stream") -> Iterator[bytes]:
    response = world.api.respond(world.event(path), LambdaContext())
    assert not isinstance(response.body, bytes)
    return response.body


def test_a_stream_is_recorded_at_its_end() -> None:
    world = World(contents=True)
    body = frames(world)
    next(body)
    assert [record["record"] for record in world.records] == ["asked"]
    list(body)
    answered = world.records[1]
    assert answered["models"][0]["model"] == HAIKU
    assert answered["contents"]["text"] == "like this"
    assert "client_gone" not in answered


def test_a_stream_that_is_cut_is_recorded_with_what_was_sent() -> None:
    world = World(contents=True)
    body = frames(world)
    next(body)
    typing.cast(ClosingIterator[bytes], body).close()
    assert world.records[1]["client_gone"] is True
    assert world.records[1]["contents"] == {"text": "like "}


def test_a_stream_that_fails_is_recorded_with_its_error() -> None:
    world = World()
    world.service.failure = ModelFailed("no")
    assert b"event: error" in b"".join(frames(world))
    assert (world.records[1]["status"], world.records[1]["error"]) == (200, "model_error")


def test_without_contents_no_texts_are_recorded() -> None:
    world = World()
    world.call("/asks", {"text": "my salary"})
    world.call("/report")
    list(frames(world))
    assert not any(text in world.text for text in ("my salary", "like this", "day,requests", "contents"))


def test_contents_have_texts_and_digests_of_photos_and_no_secrets() -> None:
    world = World(contents=True)
    photo = {"contentType": "image/png", "data": "iVBORw0KGgo="}
    assert world.call("/asks", {"text": "my salary", "photos": [photo]})[0] == 200
    asked, answered = world.records
    (recorded,) = asked["contents"]["request"]["body"]["photos"]
    assert asked["contents"]["request"]["body"]["text"] == "my salary"
    assert (recorded["contentType"], recorded["data"]["bytes"], len(recorded["data"]["sha256"])) == ("image/png", 8, 64)
    assert answered["contents"] == {
        "response": {
            **{"text": "like this", "vectors": [{"numbers": 2}], "requestId": "request-1"},
            "photo": {"contentType": "image/png", "urlExpiresAt": "later"},
            "upload": {"expiresAt": "later"},
        }
    }
    assert "iVBOR" not in world.text
    assert PRESIGNED not in world.text


def test_a_new_key_is_not_recorded() -> None:
    world = World(contents=True)
    assert world.call("/admin/keys")[1]["key"] == SECRET
    assert world.records[1]["contents"]["response"]["owner"] == "o"
    assert SECRET not in world.text


def test_reads_have_their_question_and_answer_in_one_record() -> None:
    world = World(contents=True)
    world.call("/list", query={"limit": "5"})
    world.call("/report")
    listed, report = world.records
    assert listed["contents"]["request"]["query"]["limit"] == 5
    assert report["contents"]["response"] == {"text": "day,requests\n2026-11-27,3\n"}


def test_path_parameters_are_recorded() -> None:
    world = World()
    id = "0199b2c4-5d1e-7c3a-9f42-6b8f0d2a7e11"
    world.call("/asks/{id}", path={"id": id})
    assert [record["parameters"] for record in world.records] == [{"id": id}, {"id": id}]


@pytest.mark.parametrize(
    "text",
    ["x" * 400_000, "\u4e2d" * 400_000, "\U0001f600" * 100_000, '"\\' * 200_000],
    ids=["ascii", "cjk", "emoji", "escaped"],
)
def test_long_texts_are_cut(text: str) -> None:
    world = World(contents=True)
    assert world.call("/asks", {"text": text})[0] == 200
    recorded = world.records[0]["contents"]["request"]["body"]["text"]
    assert recorded.endswith(f"... ({len(text)} characters)")
    assert text.startswith(recorded.partition("...")[0])
    assert len(world.logs.streams["summarization"][0]["message"].encode()) <= MAX_RECORD_BYTES


def test_contents_that_cannot_be_cut_are_recorded_as_a_digest() -> None:
    many = {"request": ["word"] * 100_000}
    record = audit._encoded({"record": "asked"}, many)
    assert json.loads(record)["contents"]["bytes"] == len(msgspec.json.encode(many))
    assert len(record) < 1_000


def test_the_work_has_less_time() -> None:
    world = World()
    seconds: list[float] = []
    original = world.service.ask

    def ask(context: Context, **arguments: Any) -> Answer:
        seconds.append(context.deadline.seconds_left)
        return original(context, **arguments)

    world.api._operations["ask"] = ask
    world.call()
    assert seconds[0] <= 29 - RESERVED_SECONDS - AUDIT_SECONDS


def structs(annotation: Any) -> Iterator[type[msgspec.Struct]]:
    """The structs in a type."""
    for part in typing.get_args(annotation):
        yield from structs(part)
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        yield annotation
        for field in msgspec.structs.fields(annotation):
            yield from structs(field.type)


def test_links_forms_and_keys_of_every_response_are_marked() -> None:
    routes = [each for use_case in (*registry.USE_CASES, *registry.PLATFORM) for each in use_case.routes]
    marked = set()
    for each in routes:
        for response in (each.response, *dict(each.other_responses).values()):
            for struct in structs(response):
                for field in msgspec.structs.fields(struct):
                    if audit._is_secret(field.type):
                        marked.add((struct.__name__, field.name))
                    elif (struct.__name__, field.name) != ("DocumentSource", "key"):
                        assert field.name not in ("url", "key", "secret", "token", "password"), struct
    assert marked == {
        *(
            (name, "url")
            for name in (
                "MessagePhoto",
                "ReportPhoto",
                "File",
                "Image",
                "ImageAnswer",
                "Document",
                "DocumentAnswer",
                "Upload",
            )
        ),
        *((name, "thumbnail_url") for name in ("Image", "ImageAnswer")),
        *(("Upload", "fields"), ("NewKey", "key"), ("ExportAnswer", "url")),
    }
    assert NOT_AUDITED.extra == {"audited": False}


@pytest.mark.parametrize("use_case", ["chatbot", "access", "usage", "credit_risk"])
@pytest.mark.parametrize("audited", [True, False])
def test_a_stage_without_it_does_not_import_it(use_case: str, audited: bool) -> None:
    code = (
        f"import lambda_src.{use_case}.handler, sys; "
        "print(*(name for name in ('audit',) if f'lambda_src.shared.{name}' in sys.modules))"
    )
    environment = {
        **{"PATH": os.environ["PATH"], "STAGE": "test", "USE_CASE": use_case, "TABLE_NAME": "t", "BUCKET_NAME": "b"},
        **{"POWERTOOLS_METRICS_NAMESPACE": "a", "POWERTOOLS_SERVICE_NAME": "b", "QUEUE_URL": "q", "USAGE_TABLE": ""},
        **{"TRAINING_QUEUE_URL": "q", "MODELS": HAIKU, "AWS_DEFAULT_REGION": "us-west-2"},
        **({"AUDIT_GROUP": GROUP} if audited else {}),
    }
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert process.stdout.split() == (["audit"] if audited else [])
