"""Pages of PDFs as pictures, and the places of quotes on them."""

import io
from pathlib import Path

import pytest
from PIL import Image

from tests.ui.fake_hr_qa import HANDBOOK, QUOTE, QUOTE_PAGE
from ui.pdf import Unreadable, found, lines, picture

SCANNED = Path(HANDBOOK).with_name("tts_veterans_resources_scanned.pdf")


def _yellow(png: bytes) -> int:
    """How many points of the picture a highlighter has coloured."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    return sum(count for count, colour in image.getcolors(1 << 24) or [] if colour[0] > 200 and colour[2] < 140)


def test_a_quote_is_marked_on_its_page() -> None:
    drawn = picture(HANDBOOK.read_bytes(), QUOTE_PAGE, QUOTE)
    assert drawn.marked
    assert _yellow(drawn.png) > 2000


def test_a_quote_that_is_not_there_leaves_the_page_as_it_is() -> None:
    drawn = picture(HANDBOOK.read_bytes(), QUOTE_PAGE, "Nobody has ever written this sentence in a handbook.")
    assert not drawn.marked
    assert _yellow(drawn.png) == 0


def test_a_scan_has_no_text_to_find() -> None:
    assert not picture(SCANNED.read_bytes(), 1, "GSA has a Veterans Employee Resources Association (VERA).").marked


@pytest.mark.parametrize(("data", "page"), [(b"%PDF-1.7 and no more", 1), (HANDBOOK.read_bytes(), 9999)])
def test_what_cannot_be_drawn_is_told(data: bytes, page: int) -> None:
    with pytest.raises(Unreadable):
        picture(data, page, QUOTE)


@pytest.mark.parametrize(
    ("on_the_page", "quote"),
    [
        ("annual\r\nleave  hours", "annual leave hours"),
        ("the work-\r\ning time", "the working time"),
        ("an oﬃcial “rule”", 'an official "rule"'),
        ("férias anuais", "fe\u0301rias anuais"),
    ],
)
def test_the_stored_text_and_the_page_differ_in_small_things(on_the_page: str, quote: str) -> None:
    text = f"Before. {on_the_page} After."
    places = found(list(text), quote)
    assert text[places[0] : places[-1] + 1].strip("“”.") == on_the_page.strip("“”.")


def test_what_stands_in_between_is_left_out() -> None:
    text = "You may carry over hours Page 3 of 9 into the next leave year."
    marked = "".join(text[place] for place in found(list(text), "You may carry over hours into the next leave year."))
    assert marked == "Youmaycarryoverhoursintothenextleaveyear"


def test_half_a_quote_is_none() -> None:
    assert found(list("You may carry over hours."), "You may carry over hours, unless your supervisor objects.") == []
    assert found(list("Anything"), "…") == []


def test_letters_of_one_line_are_one_mark() -> None:
    boxes = [(0.0, 0.0, 5.0, 10.0), (6.0, 0.0, 11.0, 10.0), (0.0, 20.0, 5.0, 30.0), (80.0, 20.0, 85.0, 30.0)]
    assert lines(boxes) == [(0.0, 0.0, 11.0, 10.0), (0.0, 20.0, 5.0, 30.0), (80.0, 20.0, 85.0, 30.0)]
