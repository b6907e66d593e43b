"""Rendered pages of PDFs, and the quotes on them."""

import io
from pathlib import Path

import pytest
from PIL import Image

from tests.ui.fake_hr_qa import HANDBOOK, QUOTE, QUOTE_PAGE
from ui.pdf import UnreadablePage, find_quote, merge_lines, render

SCANNED = Path(HANDBOOK).with_name("tts_veterans_resources_scanned.pdf")


def _highlighted(png: bytes) -> int:
    """The number of highlighted pixels."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    return sum(count for count, color in image.getcolors(1 << 24) or [] if color[0] > 200 and color[2] < 140)


def test_a_quote_is_highlighted_on_its_page() -> None:
    page = render(HANDBOOK.read_bytes(), QUOTE_PAGE, QUOTE)
    assert page.quote_found
    assert _highlighted(page.png) > 2000


def test_a_missing_quote_leaves_the_page_unchanged() -> None:
    page = render(HANDBOOK.read_bytes(), QUOTE_PAGE, "Nobody has ever written this sentence in a handbook.")
    assert not page.quote_found
    assert _highlighted(page.png) == 0


def test_a_scanned_page_has_no_text() -> None:
    assert not render(SCANNED.read_bytes(), 1, "GSA has a Veterans Employee Resources Association (VERA).").quote_found


@pytest.mark.parametrize(("data", "page"), [(b"%PDF-1.7 and no more", 1), (HANDBOOK.read_bytes(), 9999)])
def test_an_unreadable_page_is_an_error(data: bytes, page: int) -> None:
    with pytest.raises(UnreadablePage):
        render(data, page, QUOTE)


@pytest.mark.parametrize(
    ("page_text", "quote"),
    [
        ("annual\r\nleave  hours", "annual leave hours"),
        ("the work-\r\ning time", "the working time"),
        ("an oﬃcial “rule”", 'an official "rule"'),
        ("férias anuais", "fe\u0301rias anuais"),
    ],
)
def test_spaces_hyphenation_and_ligatures_are_ignored(page_text: str, quote: str) -> None:
    text = f"Before. {page_text} After."
    indices = find_quote(list(text), quote)
    assert text[indices[0] : indices[-1] + 1].strip("“”.") == page_text.strip("“”.")


def test_text_between_pieces_of_a_quote_is_not_matched() -> None:
    text = "You may carry over hours Page 3 of 9 into the next leave year."
    matched = "".join(
        text[index] for index in find_quote(list(text), "You may carry over hours into the next leave year.")
    )
    assert matched == "Youmaycarryoverhoursintothenextleaveyear"


def test_a_partial_quote_does_not_match() -> None:
    assert (
        find_quote(list("You may carry over hours."), "You may carry over hours, unless your supervisor objects.") == []
    )
    assert find_quote(list("Anything"), "…") == []


def test_boxes_on_the_same_line_are_merged() -> None:
    boxes = [(0.0, 0.0, 5.0, 10.0), (6.0, 0.0, 11.0, 10.0), (0.0, 20.0, 5.0, 30.0), (80.0, 20.0, 85.0, 30.0)]
    assert merge_lines(boxes) == [(0.0, 0.0, 11.0, 10.0), (0.0, 20.0, 5.0, 30.0), (80.0, 20.0, 85.0, 30.0)]
