"""The local models explain the reasons that credit risk sends, within the rules for letters."""

from typing import Any

import pytest
from msgspec import convert

from dev.local.models.explaining import explain
from lambda_src.credit_risk.letters import Draft, _facts, _problem
from lambda_src.credit_risk.models import LetterReason
from lambda_src.credit_risk.reasons import Language
from lambda_src.shared.structured import schema_of

STATED = [
    LetterReason("annualIncomeLow", "The income is low."),
    LetterReason("inquiries6MonthsHigh", "There were many credit inquiries in the last six months."),
]


@pytest.mark.parametrize("language", ["en", "pt"])
def test_a_letter_keeps_the_rules(language: Language) -> None:
    draft = convert(explain(schema_of(Draft), _facts(STATED, language)), Draft)

    assert _problem(draft, STATED) is None


def test_a_repair_is_answered_from_the_first_turn() -> None:
    text = _facts(STATED, "en") + "\n\nThat answer cannot be used: {} Give the whole answer again, corrected."

    assert _problem(convert(explain(schema_of(Draft), text), Draft), STATED) is None


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"properties": {"opening": {}}}, _facts(STATED, "en")),
        ({}, _facts(STATED, "en")),
        (schema_of(Draft), "A report without reasons."),
        (schema_of(Draft), "{broken"),
        (schema_of(Draft), '{"language": "fr", "reasons": []}'),
        (schema_of(Draft), '{"language": ["en"], "reasons": []}'),
    ],
)
def test_other_requests_are_not_explained(schema: dict[str, Any], text: str) -> None:
    assert explain(schema, text) is None
