"""Why a chat's document was not used, in words for its sender."""

from typing import Any, get_args

import pytest

from lambda_src.document_reader.errors import ErrorCode
from ui.client import Failure
from ui.documents import refusal
from ui.texts import translations

SENT = [{"name": "rules.pdf"}, {"name": "scan*.pdf"}]


@pytest.mark.parametrize("code", [*get_args(ErrorCode), "without_text", "too_long"])
def test_every_reason_is_translated(code: str) -> None:
    assert f"documents.failed_{code}" in translations()


@pytest.mark.parametrize(
    ("detail", "text"),
    [
        ({"path": "body.documents[1]", "reason": "encrypted"}, "scan*.pdf: The file is password-protected."),
        ({"path": "body.documents[1]", "reason": "unheard_of"}, "“scan*.pdf”: In English."),
        ({"path": "body.documents[0]", "reason": "too_long", "length": 200, "limit": 50}, "about 25 % of them"),
        ({"path": "body.replaces", "reason": "too_long", "length": 200, "limit": 50}, "about 25 % of them"),
    ],
)
def test_a_refusal_names_the_document_and_what_helps(detail: dict[str, Any], text: str) -> None:
    failure = Failure("invalid_request", details=[{"message": "“scan*.pdf”: In English.", **detail}])

    assert text in str(refusal(failure, SENT)).replace("\\", "")


def test_another_failure_is_none_of_a_document() -> None:
    assert refusal(Failure("invalid_request", details=[{"path": "body.text", "message": "too long"}]), SENT) is None
