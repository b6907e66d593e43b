"""The owner of a document sees what of it was not read."""

from pathlib import Path

import pytest

from lambda_src.hr_qa.documents import DocumentItem
from lambda_src.hr_qa.notices import notices
from tests.lambda_src.hr_qa.world import World

FAULTY_PDFS = Path(__file__).resolve().parents[2] / "faulty_pdfs"


def document(**left_out: int) -> DocumentItem:
    return DocumentItem(
        id="1",
        name="A",
        owner="me",
        status="ready",
        created_at="",
        updated_at="",
        **left_out,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("left_out", "code", "message"),
    [
        ({"embedded_files": 1}, "embedded_files", "contains a file that"),
        ({"embedded_files": 3}, "embedded_files", "contains 3 files that"),
        ({"unread_characters": 12_345}, "unread_text", "12,345 characters"),
    ],
)
def test_what_was_left_out_is_told(left_out: dict[str, int], code: str, message: str) -> None:
    (notice,) = notices(document(**left_out))
    assert notice.code == code
    assert message in notice.message


def test_nothing_is_told_of_a_document_that_was_read_completely() -> None:
    assert notices(document()) == []


def test_files_within_a_pdf_are_told_by_the_api() -> None:
    world = World()
    portfolio = world.create_document(sha256=None)
    world.upload(portfolio, (FAULTY_PDFS / "portfolio.pdf").read_bytes())
    world.run()
    key = (f"documents#{world.namespace}", portfolio)
    assert world.table.items[key]["embeddedFiles"] == {"N": "1"}
