"""Completions, comparisons, and the list of models."""

import json
import threading
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ReadTimeoutError

from lambda_src.playground.models import CompareCompletions, Completion, CreateCompletion, Message
from lambda_src.playground.routes import ROUTES
from lambda_src.playground.service import PlaygroundService
from lambda_src.shared.bedrock import Bedrock
from lambda_src.shared.catalog import models
from lambda_src.shared.errors import ApiError, InvalidRequest, Refused
from lambda_src.shared.http import Api
from lambda_src.shared.idempotency import IdempotencyStore
from lambda_src.shared.parameters import CONVERSE, FAMILY_FIELDS, MAX_TOKENS, parameter_ranges
from lambda_src.shared.schemas import Parameters
from tests.fakes import (
    FakeModel,
    FakeStream,
    FakeTable,
    LambdaContext,
    client_error,
    context,
    converse_answer,
    event,
    settings,
    stream_events,
)

CLAUDE = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
NOVA = "us.amazon.nova-lite-v1:0"
MICRO = "us.amazon.nova-micro-v1:0"
LLAMA = "us.meta.llama3-1-8b-instruct-v1:0"
NEWEST = "us.anthropic.claude-haiku-5-5"
OFFERED = (CLAUDE, NOVA, MICRO, LLAMA, NEWEST)
TEXT_MODELS = [model for model in models() if model.purpose == "text"]


def make(model: FakeModel, **changes: Any) -> PlaygroundService:
    stage_settings = settings(**{"models": OFFERED, **changes})
    return PlaygroundService(stage_settings, Bedrock(stage_settings, model, lambda s: None))


def complete(fake: FakeModel, /, **body: Any) -> Completion:
    return make(fake).create_completion(context(), body=CreateCompletion(**{"prompt": "Why?", **body}))


def compare(model: FakeModel, *models: str, **body: Any) -> list[Any]:
    comparison = CompareCompletions(**{"prompt": "Why?", "models": list(models), **body})
    return list(make(model).compare_completions(context(), body=comparison).items)


def problems(error: pytest.ExceptionInfo[ApiError]) -> dict[str, str]:
    return {detail["path"]: detail["message"] for detail in error.value.details or []}


def test_by_default_the_stages_first_model_answers() -> None:
    model = FakeModel(converse_answer("Because.", "max_tokens"))

    completion = complete(model)

    (request,) = model.requests
    assert request["modelId"] == completion.model == CLAUDE
    assert request["messages"] == [{"role": "user", "content": [{"text": "Why?"}]}]
    assert "system" not in request
    assert (completion.text, completion.stop_reason, completion.request_id) == ("Because.", "max_tokens", "request-1")
    assert (completion.usage.input_tokens, completion.usage.output_tokens) == (10, 5)


def test_a_completion_has_the_latency_of_its_call() -> None:
    assert 50 <= complete(FakeModel(converse_answer("Because."), seconds=0.05)).latency_ms < 5000


def test_a_conversation_is_sent_unchanged() -> None:
    model = FakeModel(converse_answer("In March."))
    turns = [Message("user", "Who?"), Message("assistant", "Ana."), Message("user", "When?")]

    complete(model, prompt=None, messages=turns, instructions="Be brief.", model="amazon.nova-lite-v1:0")

    (request,) = model.requests
    assert request["modelId"] == NOVA
    assert [(message["role"], message["content"][0]["text"]) for message in request["messages"]] == [
        ("user", "Who?"),
        ("assistant", "Ana."),
        ("user", "When?"),
    ]
    assert request["system"] == [{"text": "Be brief."}]


USER, ASSISTANT = Message("user", "a"), Message("assistant", "b")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"prompt": None}, "body"),
        ({"messages": [USER]}, "body"),
        ({"prompt": None, "messages": [ASSISTANT, USER]}, "body.messages[0].role"),
        ({"prompt": None, "messages": [USER, USER]}, "body.messages[1].role"),
        ({"prompt": None, "messages": [USER, ASSISTANT]}, "body.messages[1].role"),
        ({"model": "us.amazon.nova-pro-v1:0"}, "body.model"),
    ],
)
def test_an_invalid_task_calls_no_model(body: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        complete(FakeModel(), **body)
    assert list(problems(error)) == [path]


def test_parameters_are_sent_in_the_familys_fields() -> None:
    model = FakeModel(*[converse_answer("Because.")] * 2)
    parameters = Parameters(temperature=0.0, top_p=0.5, top_k=20, max_tokens=30, stop_sequences=["END"])
    common = {"temperature": 0.0, "maxTokens": 30, "stopSequences": ["END"]}
    both = {**common, "topP": 0.5}

    completions = [
        complete(model, model=CLAUDE, parameters=msgspec.structs.replace(parameters, top_p=None)),
        complete(model, model=NOVA, parameters=parameters),
    ]

    assert [request["inferenceConfig"] for request in model.requests] == [common, both]
    assert [request["additionalModelRequestFields"] for request in model.requests] == [
        {"top_k": 20},
        {"inferenceConfig": {"topK": 20}},
    ]
    assert [completion.parameters for completion in completions] == [{**common, "topK": 20}, {**both, "topK": 20}]


def test_parameters_that_exclude_each_other_are_refused() -> None:
    with pytest.raises(InvalidRequest) as error:
        complete(FakeModel(), model=CLAUDE, parameters=Parameters(temperature=0.1, top_p=0.5))

    assert problems(error) == {"body.parameters.topP": "Claude Haiku 4.5 takes temperature or topP, not both"}


@pytest.mark.parametrize(
    ("model", "sent", "returned"),
    [
        (CLAUDE, {"maxTokens": MAX_TOKENS}, {"temperature": 1.0, "maxTokens": MAX_TOKENS}),
        (NOVA, {"maxTokens": MAX_TOKENS}, {"temperature": 0.7, "topP": 0.9, "maxTokens": MAX_TOKENS}),
        (LLAMA, {"maxTokens": 512}, {"temperature": 0.5, "topP": 0.9, "maxTokens": 512}),
    ],
)
def test_defaults_are_returned_but_only_the_limit_is_sent(
    model: str, sent: dict[str, Any], returned: dict[str, Any]
) -> None:
    fake = FakeModel(converse_answer("Because."))

    completion = complete(fake, model=model)

    assert fake.requests[0]["inferenceConfig"] == sent
    assert "additionalModelRequestFields" not in fake.requests[0]
    assert completion.parameters == returned


@pytest.mark.parametrize(
    ("model", "parameters", "path", "message"),
    [
        (LLAMA, {"top_k": 5}, "topK", "Llama 3.1 8B Instruct does not take it; it takes maxTokens, temperature, topP"),
        (NEWEST, {"temperature": 0.5}, "temperature", "Claude Haiku 5.5 does not take it; it takes maxTokens, stopSeq"),
        (NOVA, {"presence_penalty": 0.5}, "presencePenalty", "Nova Lite does not take it; it takes maxTokens"),
        (NOVA, {"frequency_penalty": 0.5}, "frequencyPenalty", "Nova Lite does not take it; it takes maxTokens"),
        (NOVA, {"length_penalty": 0.5}, "lengthPenalty", "Nova Lite does not take it; it takes maxTokens"),
        (NOVA, {"repetition_penalty": 1.5}, "repetitionPenalty", "Nova Lite does not take it; it takes maxTokens"),
        (NOVA, {"temperature": 1.01}, "temperature", "Nova Lite takes 0.0 to 1.0"),
        (NOVA, {"top_p": -0.1}, "topP", "Nova Lite takes 0.0 to 1.0"),
        (NOVA, {"max_tokens": 0}, "maxTokens", "Nova Lite takes 1 to 10000"),
        (LLAMA, {"max_tokens": 4097}, "maxTokens", "Llama 3.1 8B Instruct takes 1 to 4096"),
        (CLAUDE, {"stop_sequences": list("abcde")}, "stopSequences", "Claude Haiku 4.5 takes 0 to 4 sequences"),
    ],
)
def test_an_unsupported_parameter_is_refused_by_name(
    model: str, parameters: dict[str, Any], path: str, message: str
) -> None:
    with pytest.raises(InvalidRequest) as error:
        complete(FakeModel(), model=model, parameters=Parameters(**parameters))
    ((actual_path, actual_message),) = problems(error).items()
    assert actual_path == f"body.parameters.{path}"
    assert actual_message.startswith(message)


def test_all_invalid_parameters_are_reported_at_once() -> None:
    with pytest.raises(InvalidRequest) as error:
        complete(FakeModel(), model=LLAMA, parameters=Parameters(temperature=2, top_k=5, top_p=1))
    assert list(problems(error)) == ["body.parameters.temperature", "body.parameters.topK"]


@pytest.mark.parametrize("model", TEXT_MODELS, ids=lambda model: model.id)
def test_every_parameter_of_a_row_is_supported(model: Any) -> None:
    named = {field.encode_name for field in msgspec.structs.fields(Parameters)}
    assert set(model.parameters) <= {*CONVERSE, *FAMILY_FIELDS.get(model.family, {})}
    assert set(model.parameters) <= named
    limit = parameter_ranges(model)["maxTokens"]
    assert limit.default
    assert limit.min <= limit.default <= limit.max


def test_a_guardrail_intervention_is_refused() -> None:
    with pytest.raises(Refused):
        complete(FakeModel(converse_answer("No.", "guardrail_intervened")))


def test_a_request_has_the_guardrail() -> None:
    model = FakeModel(converse_answer("Because."))
    service = make(model, guardrail_id="abc", guardrail_version="3")
    service.create_completion(context(), body=CreateCompletion(prompt="Why?"))
    assert model.requests[0]["guardrailConfig"] == {
        "guardrailIdentifier": "abc",
        "guardrailVersion": "3",
        "trace": "enabled",
    }


def by_model(**answers: Any) -> list[Any]:
    """Answers by a part of the model's id, in any order of calls."""

    def answer(request: dict[str, Any]) -> Any:
        (model_answer,) = [value for name, value in answers.items() if name in request["modelId"]]
        if isinstance(model_answer, BaseException):
            raise model_answer
        return model_answer

    return [answer] * len(answers)


def test_a_comparison_keeps_the_requested_order() -> None:
    model = FakeModel(
        *by_model(claude=converse_answer("one"), lite=converse_answer("two"), llama=converse_answer("three"))
    )

    items = compare(model, LLAMA, CLAUDE, NOVA)

    assert [(item.model, item.text) for item in items] == [(LLAMA, "three"), (CLAUDE, "one"), (NOVA, "two")]
    assert [item.usage.input_tokens for item in items] == [10, 10, 10]


def test_models_are_called_concurrently() -> None:
    all_running = threading.Barrier(4)

    def wait(request: dict[str, Any]) -> Any:
        all_running.wait(5)
        return converse_answer("Because.")

    assert len(compare(FakeModel(*[wait] * 4), CLAUDE, NOVA, MICRO, LLAMA)) == 4


def test_a_model_that_fails_is_an_error_in_its_place() -> None:
    late = ReadTimeoutError(endpoint_url="https://bedrock.example")
    model = FakeModel(
        *by_model(
            claude=converse_answer("No.", "refusal"),
            lite=converse_answer("two"),
            micro=late,
            llama=client_error("ModelErrorException"),
        )
    )

    items = compare(model, CLAUDE, NOVA, MICRO, LLAMA)

    assert items[1].text == "two"
    assert [item["error"]["code"] for item in (items[0], items[2], items[3])] == ["refused", "deadline", "model_error"]
    assert all(items[index]["error"]["requestId"] == "request-1" for index in (0, 2, 3))


def test_an_unsupported_parameter_is_an_error_of_that_model_only() -> None:
    model = FakeModel(converse_answer("Because."))

    items = compare(model, LLAMA, NOVA, parameters=Parameters(top_k=5))

    assert items[0]["error"]["code"] == "invalid_request"
    assert [detail["path"] for detail in items[0]["error"]["details"]] == ["body.parameters.topK"]
    assert items[1].parameters["topK"] == 5
    assert [request["modelId"] for request in model.requests] == [NOVA]


@pytest.mark.parametrize(
    ("models", "path"),
    [
        ([NOVA, NOVA], "body.models"),
        ([NOVA, "amazon.nova-lite-v1:0"], "body.models"),
        ([NOVA, "us.amazon.nova-pro-v1:0"], "body.models[1]"),
    ],
)
def test_a_comparison_needs_distinct_models_of_the_stage(models: list[str], path: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        compare(FakeModel(), *models)
    assert list(problems(error)) == [path]


@pytest.mark.parametrize("failed", [[NOVA], [NOVA, LLAMA]])
def test_a_comparison_is_kept_under_its_key_unless_all_models_failed(failed: list[str]) -> None:
    def answer(request: dict[str, Any]) -> dict[str, Any]:
        if request["modelId"] in failed:
            raise client_error("ModelErrorException")
        return converse_answer("good")

    fake = FakeModel(*[answer] * 4)
    endpoint = Api(ROUTES, make(fake), settings(models=OFFERED), IdempotencyStore("table", FakeTable()))
    body = {"prompt": "Why?", "models": [NOVA, LLAMA]}
    request = event("POST", "/comparisons", body, headers={"idempotency-key": "k"})

    first, retry = endpoint(request, LambdaContext()), endpoint(request, LambdaContext())

    assert first["statusCode"] == retry["statusCode"] == 200
    replayed = len(failed) == 1
    assert ("Idempotency-Replayed" in retry["headers"]) is replayed
    assert len(fake.requests) == (2 if replayed else 4)


def test_a_comparison_of_an_invalid_task_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        compare(FakeModel(), NOVA, LLAMA, prompt=None)


def api(model: FakeModel) -> Api:
    return Api(ROUTES, make(model), settings(models=OFFERED), IdempotencyStore("table", FakeTable()))


def test_json_names() -> None:
    answer = api(FakeModel(converse_answer("Because.")))(
        event("POST", "/completions", {"prompt": "Why?"}), LambdaContext()
    )

    assert answer["statusCode"] == 200
    assert set(json.loads(answer["body"])) == {
        *("text", "stopReason", "model", "parameters", "usage", "latencyMs", "requestId"),
    }


@pytest.mark.parametrize("models", [[NOVA], [CLAUDE, NOVA, MICRO, LLAMA, NEWEST]])
def test_a_comparison_has_two_to_four_models(models: list[str]) -> None:
    body = {"prompt": "Why?", "models": models}
    assert api(FakeModel())(event("POST", "/comparisons", body), LambdaContext())["statusCode"] == 400


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/completions", {"prompt": "Why?", "parameters": {"topK": 5}}),
        ("/comparisons", {"prompt": "Why?", "parameters": {"topK": 5}, "models": [NOVA, LLAMA]}),
    ],
)
def test_requests_with_one_key_call_the_model_once(path: str, body: dict[str, Any]) -> None:
    model = FakeModel(converse_answer("Because."))
    endpoint = api(model)
    request = event("POST", path, body, headers={"Idempotency-Key": "one"})

    first, second = endpoint(request, LambdaContext()), endpoint(request, LambdaContext())

    assert len(model.requests) == 1
    assert second["headers"]["Idempotency-Replayed"] == "true"
    assert first["body"] == second["body"]


def test_the_complete_catalog_is_listed_with_offered_models_marked() -> None:
    answer = api(FakeModel())(event("GET", "/models"), LambdaContext())
    listed = {item["id"]: item for item in json.loads(answer["body"])["items"]}

    assert list(listed) == [model.id for model in models()]
    assert {item["invocationId"] for item in listed.values() if item["offered"]} == set(OFFERED)
    assert not any("invocationId" in item for item in listed.values() if not item["offered"])
    nova = listed["amazon.nova-lite-v1:0"]
    assert (nova["provider"], nova["family"], nova["name"], nova["purpose"]) == ("Amazon", "nova", "Nova Lite", "text")
    assert nova["parameters"]["temperature"] == {"min": 0.0, "max": 1.0, "default": 0.7}
    assert nova["parameters"]["topK"] == {"min": 0, "max": 128}
    assert nova["parameters"]["maxTokens"]["default"] == MAX_TOKENS
    assert nova["inputs"] == ["text", "image"]
    assert nova["price"]["inputPerMillion"] == 0.06
    assert listed["anthropic.claude-haiku-5-5"]["price"]["cachedInputPerMillion"] == 0.011
    ended = listed["amazon.nova-canvas-v1:0"]
    assert (ended["lifecycle"], ended["offered"]) == (
        {"status": "ended", "legacyAt": "2026-03-30", "endOfLifeAt": "2026-09-30"},
        False,
    )


def test_the_price_is_that_of_the_profile_that_is_offered() -> None:
    service = make(FakeModel(), models=("eu.amazon.nova-lite-v1:0",))
    listed = {item.id: item.price for item in service.list_models(context()).items}

    assert listed["amazon.nova-lite-v1:0"].input_per_million == 0.078
    assert listed["amazon.nova-micro-v1:0"].input_per_million == 0.035


def test_a_model_offered_by_two_ids_is_listed_with_the_first() -> None:
    service = make(FakeModel(), models=(NOVA, "amazon.nova-lite-v1:0"))
    (listed,) = [item for item in service.list_models(context()).items if item.offered]
    assert listed.invocation_id == NOVA


def stream(fake: FakeModel, **body: Any) -> list[Any]:
    completion = CreateCompletion(**{"prompt": "Why?", **body})
    return list(make(fake).stream_completion(context(), body=completion))


def test_a_stream_equals_a_completion() -> None:
    plain, streaming = FakeModel(converse_answer("Because.")), FakeModel(stream_events("Be", "cause."))
    body: dict[str, Any] = {"instructions": "Be brief", "parameters": Parameters(temperature=0.5, top_k=7)}

    completion = complete(plain, **body)
    *pieces, last = stream(streaming, **body)

    assert streaming.requests == plain.requests
    assert pieces == ["Be", "cause."]
    assert msgspec.structs.replace(last, latency_ms=0) == msgspec.structs.replace(completion, latency_ms=0)


def test_an_invalid_parameter_is_refused_before_the_stream_starts() -> None:
    with pytest.raises(InvalidRequest):
        make(FakeModel()).stream_completion(
            context(), body=CreateCompletion(prompt="Why?", parameters=Parameters(temperature=7))
        )


@pytest.mark.parametrize("read", [0, 1])
def test_closing_a_stream_closes_the_models_stream(read: int) -> None:
    events = FakeStream(stream_events("Be", "cause."))

    class Model(FakeModel):
        def converse_stream(self, **request: Any) -> Any:
            return {"stream": events}

    pieces = make(Model()).stream_completion(context(), body=CreateCompletion(prompt="Why?"))
    for _ in range(read):
        next(pieces)
    pieces.close()
    assert events.closed


ENDED = client_error("ResourceNotFoundException")
CHAIN = {"fallbacks": ((CLAUDE, LLAMA, NOVA),)}


def test_a_completion_names_the_fallback_that_gave_it() -> None:
    service = make(FakeModel(ENDED, converse_answer("Because.")), **CHAIN)
    completion = service.create_completion(context(), body=CreateCompletion(prompt="Why?"))
    assert (completion.model, completion.usage.input_tokens) == (LLAMA, 10)
    assert completion.parameters == {"maxTokens": 512, "temperature": 0.5, "topP": 0.9}


def test_a_stream_names_the_fallback_that_gave_it() -> None:
    service = make(FakeModel(ENDED, stream_events("Be", "cause.")), **CHAIN)
    *pieces, completion = service.stream_completion(context(), body=CreateCompletion(prompt="Why?"))
    assert pieces == ["Be", "cause."]
    assert isinstance(completion, Completion)
    assert completion.model == LLAMA


def test_a_fallback_takes_the_parameters_of_the_request() -> None:
    model = FakeModel(ENDED, converse_answer("Because."))
    body = CreateCompletion(prompt="Why?", parameters=Parameters(top_k=5))
    assert make(model, **CHAIN).create_completion(context(), body=body).model == NOVA


def test_a_comparison_has_no_fallbacks() -> None:
    model = FakeModel(ENDED, ENDED)
    body = CompareCompletions(prompt="Why?", models=[CLAUDE, LLAMA])
    comparison = make(model, **CHAIN).compare_completions(context(), body=body)
    assert [item["error"]["code"] for item in comparison.items if isinstance(item, dict)] == ["model_unavailable"] * 2
