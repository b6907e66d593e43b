"""Completions, comparisons, and the list of models: what the model is asked, and what the caller is told."""

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
from lambda_src.shared.catalogue import MODELS
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
TEXT_MODELS = [model for model in MODELS if model.purpose == "text"]


def make(model: FakeModel, **changes: Any) -> PlaygroundService:
    chosen = settings(**{"models": OFFERED, **changes})
    return PlaygroundService(chosen, Bedrock(chosen, model, lambda s: None))


def complete(fake: FakeModel, /, **body: Any) -> Completion:
    return make(fake).create_completion(context(), body=CreateCompletion(**{"prompt": "Why?", **body}))


def compare(model: FakeModel, *models: str, **body: Any) -> list[Any]:
    asked = CompareCompletions(**{"prompt": "Why?", "models": list(models), **body})
    return list(make(model).compare_completions(context(), body=asked).items)


def problems(error: pytest.ExceptionInfo[ApiError]) -> dict[str, str]:
    return {one["path"]: one["message"] for one in error.value.details or []}


def test_a_prompt_goes_to_the_stage_s_first_model() -> None:
    model = FakeModel(converse_answer("Because.", "max_tokens"))

    made = complete(model)

    (request,) = model.requests
    assert request["modelId"] == made.model == CLAUDE
    assert request["messages"] == [{"role": "user", "content": [{"text": "Why?"}]}]
    assert "system" not in request
    assert (made.text, made.stop_reason, made.request_id) == ("Because.", "max_tokens", "request-1")
    assert (made.usage.input_tokens, made.usage.output_tokens) == (10, 5)


def test_the_time_of_the_call_is_told() -> None:
    assert 50 <= complete(FakeModel(converse_answer("Because."), seconds=0.05)).latency_ms < 5000


def test_a_conversation_goes_as_it_is() -> None:
    model = FakeModel(converse_answer("In March."))
    turns = [Message("user", "Who?"), Message("assistant", "Ana."), Message("user", "When?")]

    complete(model, prompt=None, messages=turns, instructions="Be brief.", model="amazon.nova-lite-v1:0")

    (request,) = model.requests
    assert request["modelId"] == NOVA
    assert [(one["role"], one["content"][0]["text"]) for one in request["messages"]] == [
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
        ({"prompt": None, "messages": [USER, ASSISTANT, Message("user", " ")]}, "body.messages[2].text"),
        ({"prompt": " \n"}, "body.prompt"),
        ({"instructions": " "}, "body.instructions"),
        ({"model": "us.amazon.nova-pro-v1:0"}, "body.model"),
    ],
)
def test_what_is_no_task_reaches_no_model(body: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        complete(FakeModel(), **body)
    assert list(problems(error)) == [path]


def test_parameters_go_where_the_model_s_family_takes_them() -> None:
    model = FakeModel(*[converse_answer("Because.")] * 2)
    asked = Parameters(temperature=0.0, top_p=0.5, top_k=20, max_tokens=30, stop_sequences=["END"])
    common = {"temperature": 0.0, "topP": 0.5, "maxTokens": 30, "stopSequences": ["END"]}

    made = [complete(model, model=one, parameters=asked) for one in (CLAUDE, NOVA)]

    assert [one["inferenceConfig"] for one in model.requests] == [common, common]
    assert [one["additionalModelRequestFields"] for one in model.requests] == [
        {"top_k": 20},
        {"inferenceConfig": {"topK": 20}},
    ]
    assert [one.parameters for one in made] == [{**common, "topK": 20}] * 2


@pytest.mark.parametrize(
    ("model", "sent", "told"),
    [
        (CLAUDE, {"maxTokens": MAX_TOKENS}, {"temperature": 1.0, "maxTokens": MAX_TOKENS}),
        (NOVA, {"maxTokens": MAX_TOKENS}, {"temperature": 0.7, "topP": 0.9, "maxTokens": MAX_TOKENS}),
        (LLAMA, {"maxTokens": 512}, {"temperature": 0.5, "topP": 0.9, "maxTokens": 512}),
    ],
)
def test_defaults_are_told_but_only_the_limit_is_sent(model: str, sent: dict[str, Any], told: dict[str, Any]) -> None:
    fake = FakeModel(converse_answer("Because."))

    made = complete(fake, model=model)

    assert fake.requests[0]["inferenceConfig"] == sent
    assert "additionalModelRequestFields" not in fake.requests[0]
    assert made.parameters == told


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
        (NOVA, {"max_tokens": 0}, "maxTokens", "Nova Lite takes 1 to 5000"),
        (LLAMA, {"max_tokens": 2049}, "maxTokens", "Llama 3.1 8B Instruct takes 1 to 2048"),
        (CLAUDE, {"stop_sequences": list("abcde")}, "stopSequences", "Claude Haiku 4.5 takes 0 to 4 sequences"),
    ],
)
def test_what_a_model_does_not_take_is_refused_by_name(
    model: str, parameters: dict[str, Any], path: str, message: str
) -> None:
    with pytest.raises(InvalidRequest) as error:
        complete(FakeModel(), model=model, parameters=Parameters(**parameters))
    (found,) = problems(error).items()
    assert found[0] == f"body.parameters.{path}"
    assert found[1].startswith(message)


def test_all_that_is_wrong_with_parameters_is_told_at_once() -> None:
    with pytest.raises(InvalidRequest) as error:
        complete(FakeModel(), model=LLAMA, parameters=Parameters(temperature=2, top_k=5, top_p=1))
    assert list(problems(error)) == ["body.parameters.temperature", "body.parameters.topK"]


@pytest.mark.parametrize("model", TEXT_MODELS, ids=lambda model: model.id)
def test_every_parameter_of_a_row_has_its_place(model: Any) -> None:
    named = {field.encode_name for field in msgspec.structs.fields(Parameters)}
    assert set(model.parameters) <= {*CONVERSE, *FAMILY_FIELDS.get(model.family, {})}
    assert set(model.parameters) <= named
    limit = parameter_ranges(model)["maxTokens"]
    assert limit.default
    assert limit.min <= limit.default <= limit.max


def test_a_refusal_is_one() -> None:
    with pytest.raises(Refused):
        complete(FakeModel(converse_answer("No.", "guardrail_intervened")))


def test_the_guardrail_is_asked() -> None:
    model = FakeModel(converse_answer("Because."))
    made = make(model, guardrail_id="abc", guardrail_version="3")
    made.create_completion(context(), body=CreateCompletion(prompt="Why?"))
    assert model.requests[0]["guardrailConfig"] == {"guardrailIdentifier": "abc", "guardrailVersion": "3"}


def by_model(**answers: Any) -> list[Any]:
    """As many answers as models; each is that of the model it is asked of."""

    def answer(request: dict[str, Any]) -> Any:
        (found,) = [value for name, value in answers.items() if name in request["modelId"]]
        if isinstance(found, BaseException):
            raise found
        return found

    return [answer] * len(answers)


def test_models_are_compared_in_the_order_asked_for() -> None:
    model = FakeModel(
        *by_model(claude=converse_answer("one"), lite=converse_answer("two"), llama=converse_answer("three"))
    )

    made = compare(model, LLAMA, CLAUDE, NOVA)

    assert [(one.model, one.text) for one in made] == [(LLAMA, "three"), (CLAUDE, "one"), (NOVA, "two")]
    assert [one.usage.input_tokens for one in made] == [10, 10, 10]


def test_models_are_asked_side_by_side() -> None:
    all_there = threading.Barrier(4)

    def wait(request: dict[str, Any]) -> Any:
        all_there.wait(5)
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

    made = compare(model, CLAUDE, NOVA, MICRO, LLAMA)

    assert made[1].text == "two"
    assert [one["error"]["code"] for one in (made[0], made[2], made[3])] == ["refused", "deadline", "model_error"]
    assert all(made[index]["error"]["requestId"] == "request-1" for index in (0, 2, 3))


def test_a_parameter_that_one_model_does_not_take_is_that_model_s_error() -> None:
    model = FakeModel(converse_answer("Because."))

    made = compare(model, LLAMA, NOVA, parameters=Parameters(top_k=5))

    assert made[0]["error"]["code"] == "invalid_request"
    assert [one["path"] for one in made[0]["error"]["details"]] == ["body.parameters.topK"]
    assert made[1].parameters["topK"] == 5
    assert [one["modelId"] for one in model.requests] == [NOVA]


@pytest.mark.parametrize(
    ("models", "path"),
    [
        ([NOVA, NOVA], "body.models"),
        ([NOVA, "amazon.nova-lite-v1:0"], "body.models"),
        ([NOVA, "us.amazon.nova-pro-v1:0"], "body.models[1]"),
    ],
)
def test_a_comparison_needs_different_models_of_the_stage(models: list[str], path: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        compare(FakeModel(), *models)
    assert list(problems(error)) == [path]


def test_a_comparison_of_no_task_is_refused_as_a_whole() -> None:
    with pytest.raises(InvalidRequest):
        compare(FakeModel(), NOVA, LLAMA, prompt=None)


def api(model: FakeModel) -> Api:
    return Api(ROUTES, make(model), settings(models=OFFERED), IdempotencyStore("table", FakeTable()))


def test_the_wire_s_names_and_counts() -> None:
    answer = api(FakeModel(converse_answer("Because.")))(
        event("POST", "/completions", {"prompt": "Why?"}), LambdaContext()
    )

    assert answer["statusCode"] == 200
    assert set(json.loads(answer["body"])) == {
        *("text", "stopReason", "model", "parameters", "usage", "latencyMs", "requestId"),
    }


@pytest.mark.parametrize("models", [[NOVA], [CLAUDE, NOVA, MICRO, LLAMA, NEWEST]])
def test_a_comparison_is_of_two_to_four(models: list[str]) -> None:
    body = {"prompt": "Why?", "models": models}
    assert api(FakeModel())(event("POST", "/comparisons", body), LambdaContext())["statusCode"] == 400


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/completions", {"prompt": "Why?", "parameters": {"topK": 5}}),
        ("/comparisons", {"prompt": "Why?", "parameters": {"topK": 5}, "models": [NOVA, LLAMA]}),
    ],
)
def test_a_key_asks_the_model_once(path: str, body: dict[str, Any]) -> None:
    model = FakeModel(converse_answer("Because."))
    made = api(model)
    asked = event("POST", path, body, headers={"Idempotency-Key": "one"})

    first, second = made(asked, LambdaContext()), made(asked, LambdaContext())

    assert len(model.requests) == 1
    assert second["headers"]["Idempotency-Replayed"] == "true"
    assert first["body"] == second["body"]


def test_the_whole_catalogue_is_listed_and_what_is_offered_marked() -> None:
    answer = api(FakeModel())(event("GET", "/models"), LambdaContext())
    listed = {one["id"]: one for one in json.loads(answer["body"])["items"]}

    assert list(listed) == [model.id for model in MODELS]
    assert {one["invocationId"] for one in listed.values() if one["offered"]} == set(OFFERED)
    assert not any("invocationId" in one for one in listed.values() if not one["offered"])
    nova = listed["amazon.nova-lite-v1:0"]
    assert (nova["provider"], nova["family"], nova["name"], nova["purpose"]) == ("Amazon", "nova", "Nova Lite", "text")
    assert nova["parameters"]["temperature"] == {"min": 0.0, "max": 1.0, "default": 0.7}
    assert nova["parameters"]["topK"] == {"min": 0, "max": 128}
    assert nova["parameters"]["maxTokens"]["default"] == MAX_TOKENS
    assert nova["inputs"] == ["text", "image"]
    assert nova["price"]["inputPerMillion"] == 0.06
    assert "price" not in listed["anthropic.claude-haiku-5-5"]
    ended = listed["amazon.nova-canvas-v1:0"]
    assert (ended["lifecycle"], ended["offered"]) == ({"status": "ended", "endOfLifeAt": "2026-09-30"}, False)


def test_of_two_ways_to_a_model_the_first_is_the_one_its_id_means() -> None:
    made = make(FakeModel(), models=(NOVA, "amazon.nova-lite-v1:0"))
    (listed,) = [one for one in made.list_models(context()).items if one.offered]
    assert listed.invocation_id == NOVA


def stream(fake: FakeModel, **body: Any) -> list[Any]:
    asked = CreateCompletion(**{"prompt": "Why?", **body})
    return list(make(fake).stream_completion(context(), body=asked))


def test_a_stream_asks_and_answers_as_a_completion_does() -> None:
    plain, streaming = FakeModel(converse_answer("Because.")), FakeModel(stream_events("Be", "cause."))
    body: dict[str, Any] = {"instructions": "Be brief", "parameters": Parameters(temperature=0.5, top_k=7)}

    whole = complete(plain, **body)
    *pieces, last = stream(streaming, **body)

    assert streaming.requests == plain.requests
    assert pieces == ["Be", "cause."]
    assert msgspec.structs.replace(last, latency_ms=0) == msgspec.structs.replace(whole, latency_ms=0)


def test_a_stream_s_bad_parameter_is_refused_before_the_model_is_asked() -> None:
    with pytest.raises(InvalidRequest):
        make(FakeModel()).stream_completion(
            context(), body=CreateCompletion(prompt="Why?", parameters=Parameters(temperature=7))
        )


def test_a_stream_that_is_left_hangs_up() -> None:
    events = FakeStream(stream_events("Be", "cause."))

    class Model(FakeModel):
        def converse_stream(self, **request: Any) -> Any:
            return {"stream": events}

    pieces = make(Model()).stream_completion(context(), body=CreateCompletion(prompt="Why?"))
    next(pieces)
    pieces.close()
    assert events.closed
