"""Every text that a caller writes is screened once before it reaches a model, on a stage with a guardrail.

The fields come from the request types: a new one is either screened, or listed below with the reason why it is not.
"""

import json
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from dev.tools import openapi
from lambda_src.chatbot.models import AddTurn, CreateConversation, SendMessage
from lambda_src.chatbot.service import ChatService
from lambda_src.embeddings.service import EmbeddingService
from lambda_src.hr_qa.asked import AskedQuestions
from lambda_src.hr_qa.file_store import FileStore
from lambda_src.hr_qa.index import Index
from lambda_src.hr_qa.models import AskQuestion
from lambda_src.hr_qa.queue import Queue
from lambda_src.hr_qa.service import QaService
from lambda_src.image_generation.models import ImageRecord
from lambda_src.image_generation.service import ImageService
from lambda_src.playground.service import PlaygroundService
from lambda_src.registry import USE_CASES
from lambda_src.shared.bedrock import Bedrock
from lambda_src.shared.routes import Route
from lambda_src.shared.store import RecordStore
from lambda_src.summarization.models import CorrectedReport
from lambda_src.summarization.photo_store import PhotoStore
from lambda_src.summarization.service import SummaryService
from lambda_src.summarization.store import SummaryStore
from tests.fakes import (
    FakeBucket,
    FakeModel,
    FakeStream,
    FakeTable,
    context,
    converse_answer,
    settings,
    stability_answer,
    stream_events,
)
from tests.lambda_src.chatbot.world import World
from tests.lambda_src.hr_qa import world as hr_world
from tests.pdfs import text_pdf

BY_NAME = {use_case.name: use_case for use_case in USE_CASES}
# A text that is also a valid language tag.
MARKER = "qq-Mark-QQ"
GUARDRAIL = {"guardrail_id": "g", "guardrail_version": "1"}
TITAN = "amazon.titan-embed-text-v2:0"
STABILITY = "stability.stable-image-core-v1:1"
NOVA = "us.amazon.nova-lite-v1:0"
HAIKU = "us.anthropic.claude-haiku-4-5-20251001-v1:0"

# Field -> why no model reads a text of the caller's in it. A name without a route means that field of every route.
NOT_READ = {
    "cursor": "a position in a list",
    "model": "the id of one of the stage's models; any other is refused",
    "models": "as `model`",
    "documents": "ids of documents; any other is not found",
    "space": "the name of one of the stage's spaces; any other is not found",
    "spaces": "as `space`",
    "replaces": "the id of a message; any other is a conflict",
    "search": "compared with what is stored",
    "sha256": "a checksum in hexadecimal",
    **{
        f"report.{field.encode_name}": "no model reads a report that its author corrected"
        for field in msgspec.structs.fields(CorrectedReport)
        if field.name != "severity"
    },
    "parameters.stopSequences": "compared with the model's output by Bedrock; not part of the prompt",
}


class Recorder(FakeModel):
    """A Bedrock client that answers every call, and records which texts are screened, and which models get without."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[tuple[str, str]] = []

    def apply_guardrail(self, **request: Any) -> Any:
        self.log += [("screened", block["text"]["text"]) for block in request["content"]]
        return {"action": "NONE", "outputs": []}

    def converse(self, **request: Any) -> Any:
        self._record(request)
        schema = json.dumps(request.get("outputConfig", {}))
        known = {"severity": REPORT, "claims": DRAFT, "queries": REWRITTEN}
        return converse_answer(next((answer for field, answer in known.items() if field in schema), "Because."))

    def converse_stream(self, **request: Any) -> Any:
        self._record(request)
        return {"stream": FakeStream(stream_events("Because."))}

    def invoke_model(self, **request: Any) -> Any:
        body = json.loads(request["body"])
        self.log.append(("sent", request["body"]))
        vector = {"embedding": [1.0] * body.get("dimensions", 0), "inputTextTokenCount": 1}
        self.queue = [vector if "inputText" in body else stability_answer(1)]
        return super().invoke_model(**request)

    def _record(self, request: dict[str, Any]) -> None:
        """Converse assesses marked blocks, and all messages if none of their blocks is marked."""
        assert request["guardrailConfig"] == {
            "guardrailIdentifier": "g",
            "guardrailVersion": "1",
            "trace": "enabled",
        }
        messages = [block for message in request["messages"] for block in message["content"]]
        selective = any("guardContent" in block for block in messages)
        self._record_blocks(request.get("system", []), "sent")
        self._record_blocks(messages, "sent" if selective else "screened")

    def _record_blocks(self, blocks: list[dict[str, Any]], plain: str) -> None:
        for block in blocks:
            if "guardContent" in block:
                self.log.append(("screened", block["guardContent"]["text"]["text"]))
            elif "text" in block:
                self.log.append((plain, block["text"]))

    @property
    def steps(self) -> list[str]:
        """What happened to the text under test."""
        return [step for step, text in self.log if MARKER in text]


LISTS = ("symptoms", "causes", "actionsTaken", "actionsNeeded", "parts", "safety", "missing")
REPORT = json.dumps(
    {**{name: [] for name in LISTS}, "title": "Leak", "summary": "It leaks.", "language": "en", "severity": "low"}
)
DRAFT = json.dumps({"answered": False, "claims": []})
REWRITTEN = json.dumps({"question": "How long?", "queries": []})


def texts(expected_type: Any, path: str = "") -> Iterator[str]:
    """The paths of the fields that can contain a text."""
    origin = typing.get_origin(expected_type)
    if origin is typing.Annotated:
        yield from texts(typing.get_args(expected_type)[0], path)
    elif origin in (typing.Union, types.UnionType, list, tuple):
        for argument in typing.get_args(expected_type):
            yield from texts(argument, path)
    elif isinstance(expected_type, type) and issubclass(expected_type, msgspec.Struct):
        for field in msgspec.structs.fields(expected_type):
            yield from texts(field.type, f"{path}.{field.encode_name}".removeprefix("."))
    elif expected_type is str:
        yield path
    else:
        known = (origin is typing.Literal, expected_type in (int, float, bool, type(None), bytes))
        assert any(known), f"{path}: {expected_type} is new here"


def text_fields() -> Iterator[Any]:
    """Use case, route, part of the request, and path of each text field."""
    for use_case in USE_CASES:
        if not use_case.models:
            continue
        for route in use_case.routes:
            # What is stored may reach a model later, except where a setting adds the models: those routes say what
            # they send, such as credit risk's letters.
            if not route.calls_model and all(setting.option for setting in use_case.models):
                continue
            for part, request_type in (("body", route.request), ("query", route.query)):
                for path in texts(request_type) if request_type else ():
                    name = f"{use_case.id}-{route.operation}-{part}.{path}"
                    yield pytest.param(use_case.name, route, part, path, id=name)


FIELDS = [parameters for parameters in text_fields() if parameters.values[3] not in NOT_READ]


# The required fields of each request, and what makes a request with the field under test valid. Other requests are the
# examples of the OpenAPI documents.
BASE: dict[str, dict[str, Any]] = {
    "create_completion": {"prompt": "x"},
    "stream_completion": {"prompt": "x"},
    "compare_completions": {"prompt": "x", "models": [HAIKU, NOVA]},
    "create_embeddings": {"texts": ["x"]},
    "compare_texts": {"text": "x", "candidates": ["x"]},
    "create_images": {"prompt": "x"},
    "list_or_create": {},
    "create_summary": {"text": "x"},
    "create_document": {"name": "x", "contentType": "application/pdf"},
    "answer_question": {"question": "How many days of vacation?"},
    "search": {"query": "x"},
    "create_conversation": {},
    "change_conversation": {},
    "send_message": {"text": "x"},
    "stream_message": {"text": "x"},
    "add_turn": {"user": "x", "assistant": "x"},
}
# Field -> its value, where it is not the text itself.
VALUES: dict[str, Any] = {
    "texts": [MARKER],
    "candidates": [MARKER],
    "messages.text": [{"role": "user", "text": MARKER}],
    "history.question": [{"question": f"Vacation {MARKER}", "answer": "30 days."}],
    "history.answer": [{"question": "Vacation?", "answer": f"30 days {MARKER}."}],
    "language": MARKER,
    "documents.name": [{"name": MARKER, "content": "V2h5"}],
}
# How many models get the text, each in a call with its own assessment.
MODELS = {"compare_completions": 2}


def request_of(use_case: str, route: Route, part: str, path: str) -> Any:
    """A request with the text under test in one field."""
    request_type = route.request if part == "body" else route.query
    base = BASE[route.operation] if route.operation in BASE else openapi.body_of(BY_NAME[use_case], route)
    values = {**base, path.partition(".")[0]: VALUES.get(path, f"Vacation {MARKER}")}
    if path == "messages.text":
        del values["prompt"]
    return msgspec.convert(values, request_type)


def chatbot(model: Recorder) -> ChatService:
    world = World(**GUARDRAIL)
    conversations, photo_store, queue = world.stores()
    return ChatService(
        world.settings,
        Bedrock(world.settings, model),
        conversations=conversations,
        photo_store=photo_store,
        document_store=world.document_store(),
        reader=world.document_reader(),
        queue=queue,
        now=world.clock,
    )


def hr_qa(model: Recorder) -> QaService:
    world = hr_world.World(**GUARDRAIL)
    world.upload(world.create_document(), text_pdf([["Vacation is 30 days."]]))
    world.run()
    return QaService(
        world.settings,
        Bedrock(world.settings, model),
        documents=world.documents,
        asked=AskedQuestions("table", world.table),
        index=Index(world.settings, world.search, lambda seconds: None),
        files=FileStore("bucket", world.bucket),
        queue=Queue("queue", world.sqs),
    )


def summarization(model: Recorder) -> SummaryService:
    stage = settings(**GUARDRAIL)
    store, photos = SummaryStore("t", FakeTable()), PhotoStore("bucket", FakeBucket())
    return SummaryService(stage, Bedrock(stage, model), store, photos)


def image_generation(model: Recorder) -> ImageService:
    stage = settings(models=(STABILITY,), **GUARDRAIL)
    store = RecordStore("t", "image", ImageRecord, FakeTable())
    return ImageService(stage, Bedrock(stage, model), store, FakeBucket())


def embeddings(model: Recorder) -> EmbeddingService:
    stage = settings(models=(TITAN,), **GUARDRAIL)
    return EmbeddingService(stage, Bedrock(stage, model))


def playground(model: Recorder) -> PlaygroundService:
    stage = settings(models=(HAIKU, NOVA), **GUARDRAIL)
    return PlaygroundService(stage, Bedrock(stage, model))


def service_of(use_case: str, model: Recorder) -> Any:
    """The service listed below; any other is created as its handler does, from settings and Bedrock."""
    if use_case in SERVICES:
        return SERVICES[use_case](model)
    stage = settings(use_case=use_case, models=BY_NAME[use_case].models[0].defaults[0], **GUARDRAIL)
    return BY_NAME[use_case].service(stage, Bedrock(stage, model))


SERVICES: dict[str, Callable[[Recorder], Any]] = {
    "chatbot": chatbot,
    "hr_qa": hr_qa,
    "summarization": summarization,
    "image_generation": image_generation,
    "embeddings": embeddings,
    "playground": playground,
}


def perform(service: Any, use_case: str, route: Route, part: str, path: str) -> str | None:
    """Does the request. Returns the id of its conversation, if it is about one."""
    conversation = None
    named = {}
    if use_case == "hr_qa" and route.path_parameters:
        named["id"] = service.answer_question(context(), body=AskQuestion(question="Vacation?")).id
    elif route.path_parameters:
        named["id"] = conversation = service.create_conversation(context(), body=CreateConversation()).id
    if "message" in route.path_parameters:
        turn = service.add_turn(context(), id=conversation, body=AddTurn(user="Why?", assistant="Because."))
        named["message"] = turn.items[1].id
    result = getattr(service, route.operation)(context(), **named, **{part: request_of(use_case, route, part, path)})
    if route.stream:
        list(result)
    return result.id if route.operation == "create_conversation" else conversation


@pytest.mark.parametrize(("use_case", "route", "part", "path"), FIELDS)
def test_a_text_is_screened_once_before_a_model_gets_it(use_case: str, route: Route, part: str, path: str) -> None:
    model = Recorder()
    service = service_of(use_case, model)
    conversation = perform(service, use_case, route, part, path)
    if conversation:
        # Later turns send the text again, without screening it again.
        service.send_message(context(), id=conversation, body=SendMessage(text="And?"))

    assert model.steps[:1] == ["screened"], f"{path} reaches a model without being screened: {model.steps}"
    assert model.steps.count("screened") == MODELS.get(route.operation, 1)


def test_the_list_of_fields_that_no_model_reads_is_current() -> None:
    assert NOT_READ.keys() <= {parameters.values[3] for parameters in text_fields()}
