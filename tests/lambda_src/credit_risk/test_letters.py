"""Letters: the request to the model, the checks of its answer, and stages without letters."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lambda_src.credit_risk import reasons
from lambda_src.credit_risk.letters import Letters
from lambda_src.credit_risk.routes import ROUTES, offered
from lambda_src.credit_risk.service import CreditService
from lambda_src.credit_risk.settings import CreditSettings
from lambda_src.shared.bedrock import Bedrock
from lambda_src.shared.http import Api
from lambda_src.shared.idempotency import IdempotencyStore
from tests.fakes import (
    CALLER,
    OTHER,
    FakeModel,
    LambdaContext,
    client_error,
    context,
    converse_answer,
    event,
    identity,
)
from tests.lambda_src.credit_risk.stage import Stage, application

HAIKU = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
NOVA = "us.amazon.nova-lite-v1:0"
LETTERS = "/scores/{id}/letters"
ID = "00000000-0000-7000-8000-000000000000"


class World:
    """A stage with letters, whose model gives the answers of a queue."""

    def __init__(self, *answers: Any, **changes: Any) -> None:
        self.stage = Stage()
        self.model = FakeModel(*answers)
        fields = {name: getattr(self.stage.settings, name) for name in CreditSettings.__struct_fields__}
        self.settings = CreditSettings(**{**fields, "models": (HAIKU, NOVA), **changes})
        self.letters = Letters(self.settings, Bedrock(self.settings, self.model), self.stage.store, self.stage.clock)

    def score(self, **changes: Any) -> Any:
        """A score with reasons, unless the changes take them away."""
        risky = {"annualIncome": 20_000, "inquiries6Months": 5, "revolvingUtilization": 92.0, "debtToIncome": 31}
        body = application(**{"applicant": risky, "segment": "branch-12", **changes})
        return self.stage.service.create_score(context(), body=body)

    def call(
        self, score: str, body: Any = None, *, caller: str = CALLER, key: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        service = CreditService(
            self.settings,
            registry=self.stage.registry,
            store=self.stage.store,
            counters=self.stage.counters,
            letters=self.letters,
            clock=self.stage.clock,
        )
        api = Api(ROUTES, service, self.settings, IdempotencyStore("table", self.stage.table, self.stage.clock))
        request = event(
            "POST",
            LETTERS,
            {} if body is None else body,
            path={"id": score},
            headers={"Idempotency-Key": key} if key else {},
        )
        request["requestContext"]["identity"] = identity(caller)
        response = api(request, LambdaContext())
        return response["statusCode"], json.loads(response["body"])


def facts(request: dict[str, Any]) -> dict[str, Any]:
    """What a request to the model says about the score."""
    (block,) = request["messages"][0]["content"]
    assert block.keys() == {"text"}
    parsed: dict[str, Any] = json.loads(block["text"])
    return parsed


def answer(request: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A model's answer that keeps the rules. `changes` replace its fields."""
    explanations = [
        {"code": reason["code"], "text": f"Lenders look at this, item {letter}."}
        for reason, letter in zip(facts(request)["reasons"], "abcde", strict=False)
    ]
    draft = {"opening": "This is about the score.", "explanations": explanations, "closing": "Please ask us."}
    return converse_answer(json.dumps({**draft, **changes}))


def with_changes(**changes: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda request: answer(request, **changes)


def test_a_letter_has_the_sentences_of_the_table_and_the_models_explanations() -> None:
    world = World(answer)
    score = world.score()

    status, letter = world.call(score.id)

    assert status == 201
    stated = [{"code": reason.code, "text": reason.text} for reason in score.reasons]
    assert stated
    explained = [f"{each['text']} Lenders look at this, item {i}." for each, i in zip(stated, "abcde", strict=False)]
    assert letter == {
        "scoreId": score.id,
        "language": "en",
        "text": "\n\n".join(["This is about the score.", *explained, "Please ask us."]),
        "reasons": stated,
        "model": HAIKU,
        "usage": {"inputTokens": 10, "outputTokens": 5},
        "createdAt": "2026-11-18T11:06:40.000Z",
        "requestId": "request-1",
    }


def test_the_model_gets_the_language_and_the_reasons_and_nothing_else() -> None:
    world = World(answer)
    score = world.score()
    world.call(score.id)

    (request,) = world.model.requests
    assert facts(request) == {
        "language": "en",
        "reasons": [{"code": reason.code, "text": reason.text} for reason in score.reasons],
    }
    # The rest of the request is the same for all scores.
    other = World(answer)
    other.call(other.score(loan={"amount": 30_000, "termMonths": 60}, applicationId="A-1", segment="west").id)
    rest = [{**each.requests[0], "messages": None} for each in (world.model, other.model)]
    assert rest[0] == rest[1]
    assert len(request["messages"]) == 1


def test_another_language_states_the_reasons_in_the_tables_words() -> None:
    world = World(answer)
    score = world.score()

    _, letter = world.call(score.id, {"language": "pt"})

    assert letter["language"] == "pt"
    expected = [
        reasons.text(each.characteristic, each.code.removeprefix(each.characteristic), "pt")  # type: ignore[arg-type]
        for each in score.reasons
    ]
    assert [reason["text"] for reason in letter["reasons"]] == expected
    assert all(sentence in letter["text"] for sentence in expected)
    assert facts(world.model.requests[0])["language"] == "pt"


def test_the_scores_language_is_the_default() -> None:
    world = World(answer)
    score = world.score(language="pt")

    _, letter = world.call(score.id)

    assert letter["language"] == "pt"
    assert [reason["text"] for reason in letter["reasons"]] == [reason.text for reason in score.reasons]


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"opening": "Your score is 640."}, "no digits"),
        ({"closing": "Your loan will be approved."}, "`approv`"),
        ({"closing": "Your age does not matter."}, "`age`"),
        ({"explanations": []}, "exactly these codes in this order"),
        ({"explanations": [{"code": "madeUp", "text": "Too young."}]}, "exactly these codes in this order"),
        ({"opening": " "}, "matching regex"),
        ({"opening": "x" * 1_001}, "length <= 1000"),
    ],
)
def test_a_draft_that_breaks_a_rule_is_repaired(changes: dict[str, Any], advice: str) -> None:
    world = World(with_changes(**changes), answer)

    status, letter = world.call(world.score().id)

    assert status == 201
    assert letter["text"].startswith("This is about the score.")
    (repair,) = world.model.requests[1]["messages"][-1]["content"]
    assert advice in repair["text"]
    assert letter["usage"] == {"inputTokens": 20, "outputTokens": 10}


@pytest.mark.parametrize("key", [None, "letter-1"])
def test_a_draft_that_breaks_a_rule_to_the_end_is_not_answered(key: str | None) -> None:
    world = World(*[with_changes(closing="We guarantee the loan.")] * 3, answer)
    score = world.score()

    status, body = world.call(score.id, key=key)

    assert (status, body["error"]["code"]) == (502, "model_error")
    assert "guarantee" not in json.dumps(body)
    # The key is free for another attempt.
    assert world.call(score.id, key=key)[0] == 201


def test_a_missing_or_reordered_reason_is_not_answered() -> None:
    def reordered(request: dict[str, Any]) -> dict[str, Any]:
        listed = facts(request)["reasons"]
        assert len(listed) > 1
        return answer(request, explanations=[{"code": each["code"], "text": "So."} for each in reversed(listed)])

    world = World(*[reordered] * 3)

    assert world.call(world.score().id)[0] == 502


def test_the_models_text_is_inert_and_on_one_line() -> None:
    world = World(with_changes(opening="Look:\n\nwww.evil.example ", closing="Ask ana@evil.example."))

    _, letter = world.call(world.score().id)

    paragraphs = letter["text"].split("\n\n")
    assert (paragraphs[0], paragraphs[-1]) == ("Look: www . evil. example", "Ask ana@ evil. example.")
    assert len(paragraphs) == len(letter["reasons"]) + 2


def test_text_that_the_guardrail_masks_is_checked_again() -> None:
    """Nova answers with a tool, whose arguments are screened afterwards."""

    def by_tool(request: dict[str, Any]) -> dict[str, Any]:
        converse = answer(request, opening="Write to us.")
        arguments = json.loads(converse["output"]["message"]["content"][0]["text"])
        tool = {"toolUse": {"toolUseId": "t", "name": "answer", "input": arguments}}
        return {**converse, "output": {"message": {"role": "assistant", "content": [tool]}}}

    def masked(request: dict[str, Any]) -> dict[str, Any]:
        texts = [
            {"text": block["text"]["text"].replace("Write to us.", "Write to {EMAIL}.")} for block in request["content"]
        ]
        policy = {"piiEntities": [{"type": "EMAIL", "action": "ANONYMIZED"}]}
        return {
            "action": "GUARDRAIL_INTERVENED",
            "outputs": texts,
            "assessments": [{"sensitiveInformationPolicy": policy}],
        }

    world = World(by_tool, masked, models=(NOVA,), guardrail_id="g", guardrail_version="1")

    assert world.call(world.score().id)[0] == 502


def test_a_score_without_reasons_has_no_letter() -> None:
    world = World()
    good = {
        "annualIncome": 150_000,
        "debtToIncome": 2,
        "inquiries6Months": 0,
        "revolvingUtilization": 3.0,
        "earliestCreditLine": "1985-01",
        "homeOwnership": "mortgage",
    }
    score = world.score(applicant=good, loan={"purpose": "creditCard", "amount": 5_000})
    assert score.reasons == []

    status, body = world.call(score.id)

    assert (status, body["error"]["code"]) == (409, "conflict")
    assert world.model.requests == []


def test_only_the_scores_owner_gets_a_letter() -> None:
    world = World()
    score = world.score()

    assert world.call(score.id, caller=OTHER)[0] == 404
    assert world.call(ID)[0] == 404
    assert world.model.requests == []


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"language": "fr"}, "body.language"),
        ({"model": "other"}, "body.model"),
        ({"audience": "applicant"}, "body.audience"),
    ],
)
def test_bad_input_calls_no_model(body: dict[str, Any], path: str) -> None:
    world = World()

    status, answered = world.call(world.score().id, body)

    assert status == 400
    assert [detail["path"] for detail in answered["error"]["details"]] == [path]
    assert world.model.requests == []


def test_another_model_of_the_stage_may_be_chosen() -> None:
    world = World(answer)

    status, letter = world.call(world.score().id, {"model": NOVA})

    assert (status, letter["model"]) == (201, NOVA)
    assert world.model.requests[0]["modelId"] == NOVA


def test_a_repetition_returns_the_first_letter() -> None:
    world = World(answer)
    score = world.score()

    first, again = (world.call(score.id, key="letter-1") for _ in range(2))

    assert first == again
    assert len(world.model.requests) == 1


def test_a_letter_is_not_stored() -> None:
    world = World(answer)
    score = world.score()
    before = json.dumps(sorted(map(str, world.stage.table.items)))

    world.call(score.id)

    assert json.dumps(sorted(map(str, world.stage.table.items))) == before


@pytest.mark.parametrize("logged", [True, False])
def test_payloads_are_logged_only_if_enabled(logged: bool, caplog: pytest.LogCaptureFixture) -> None:
    world = World(answer, payload_logging=logged)
    with caplog.at_level("INFO"):
        world.call(world.score().id)

    lines = str([vars(record) for record in caplog.records])
    assert ("This is about the score." in lines) == logged
    assert "20000" not in lines


def test_a_stage_without_letters_lacks_the_route() -> None:
    assert [route.path for route in ROUTES if route not in offered(letters=False)] == [LETTERS]
    assert offered(letters=True) == ROUTES
    stage = Stage()
    api = Api(offered(letters=False), stage.service, stage.settings)

    response = api(event("POST", LETTERS, {}, path={"id": ID}), LambdaContext())

    assert (response["statusCode"], json.loads(response["body"])["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("models", ["", HAIKU])
def test_only_a_stage_with_letters_starts_with_bedrock(models: str) -> None:
    code = "import sys, lambda_src.credit_risk.handler\n"
    code += "names = ('shared.bedrock', 'shared.screening', 'shared.structured', 'credit_risk.letters')\n"
    code += "print(*(name for name in names if f'lambda_src.{name}' in sys.modules))"
    environment = {
        "PATH": "/usr/bin:/bin",
        "STAGE": "test",
        "USE_CASE": "credit_risk",
        "TABLE_NAME": "table",
        "BUCKET_NAME": "bucket",
        "AWS_DEFAULT_REGION": "us-west-2",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "POWERTOOLS_SERVICE_NAME": "credit-risk",
        "POWERTOOLS_METRICS_NAMESPACE": "BedrockEndpoints",
        **({"MODELS": models} if models else {}),
    }
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environment, check=True, capture_output=True, text=True
    )

    bedrock = "shared.bedrock shared.screening shared.structured credit_risk.letters"
    assert done.stdout.strip() == (bedrock if models else "")


def test_a_letter_names_the_fallback_that_wrote_it() -> None:
    world = World(client_error("ResourceNotFoundException"), answer, fallbacks=((HAIKU, NOVA),))
    status, letter = world.call(world.score().id)
    assert (status, letter["model"], letter["usage"]) == (201, NOVA, {"inputTokens": 10, "outputTokens": 5})
