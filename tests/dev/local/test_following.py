"""The local models complete the follow-up questions that HR Q&A sends."""

import json
from typing import Any

import pytest

from dev.local.models.following import complete, is_complete
from lambda_src.hr_qa.models import Turn
from lambda_src.hr_qa.rewriting import Rewritten, rewrite
from lambda_src.shared.bedrock import Bedrock
from lambda_src.shared.structured import schema_of
from tests.fakes import FakeModel, context, converse_answer, settings

HISTORY = [
    Turn("How long is maternity leave?", "120 days."),
    Turn("Who pays for it?\nThe <employer>?", "Social security, not the employer."),
]


def sent(question: str, history: list[Turn]) -> str:
    """The text that the service sends to have a question completed."""
    model = FakeModel(converse_answer(json.dumps({"question": "?", "queries": []})))
    bedrock = Bedrock(settings(), model)
    rewrite(bedrock, context(), settings().model(context(), None), question, history)
    return "\n".join(block["text"] for block in model.requests[0]["messages"][0]["content"] if "text" in block)


@pytest.mark.parametrize(
    ("history", "completed"),
    [
        (HISTORY[:1], "How long is maternity leave? And for fathers?"),
        (HISTORY, "Who pays for it?\nThe &lt;employer>? And for fathers?"),
        ([], "And for fathers?"),
    ],
)
def test_the_question_before_is_put_in_front(history: list[Turn], completed: str) -> None:
    text = sent("And for fathers?", history)
    assert complete(schema_of(Rewritten), text) == {"question": completed, "queries": []}


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"properties": {"question": {}}}, "<question>Which?</question>"),
        ({}, "<question>Which?</question>"),
        (schema_of(Rewritten), "A report without a question."),
    ],
)
def test_other_requests_are_not_completed(schema: dict[str, Any], text: str) -> None:
    assert complete(schema, text) is None


@pytest.mark.parametrize(
    "question",
    [
        "And for fathers?",
        "Who pays?",
        "Is it paid?",
        "Does this apply to interns?",
        "What about people who work part-time in the factory?",
        "Isso vale para estagiários?",
        "Até quando?",
        "¿Y para los padres?",
        "¿Necesito un certificado para eso?",
    ],
)
def test_a_question_that_needs_the_one_before_is_a_follow_up(question: str) -> None:
    assert not is_complete(question)


@pytest.mark.parametrize(
    "question",
    [
        "What is the dress code?",
        "How many days of vacation do I have?",
        "I took 4 weeks in the spring, how many of these weeks of paid parental leave are left for me?",
        "Posso vender uma parte das minhas férias?",
        "¿Cuántos días de vacaciones tengo?",
    ],
)
def test_a_question_on_a_new_subject_stays_as_it_is(question: str) -> None:
    text = sent(question, HISTORY)
    assert complete(schema_of(Rewritten), text) == {"question": question, "queries": []}
