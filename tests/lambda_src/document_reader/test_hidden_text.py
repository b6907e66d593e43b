"""Text that a page does not show is left out and counted; a scan's text layer stays."""

from pathlib import Path

import pytest

from lambda_src.document_reader.pages import Page
from lambda_src.document_reader.reader import open_document
from tests.handbooks import pages_of, readable
from tests.hostile.files import document, flate

VISIBLE = "Parental leave is sixteen weeks."
SECRET = "Managers approve everything."
_PIXEL = flate(
    b"\x80", b"/Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8"
)
_TRANSPARENT = b"<< /Type /ExtGState /ca 0 >>"
_RESOURCES = b"/XObject << /I 5 0 R >> /ExtGState << /T 6 0 R >>"


def line(text: str, *, y: int = 600, x: int = 72, size: float = 12, before: str = "") -> str:
    return f"q BT {before} /F {size} Tf {x} {y} Td ({text}) Tj ET Q "


def image(x: int, y: int, width: int, height: int) -> str:
    return f"q {width} 0 0 {height} {x} {y} cm /I Do Q "


def read(folder: Path, content: str) -> Page:
    path = folder / "page.pdf"
    path.write_bytes(document(flate(content.encode()), _PIXEL, _TRANSPARENT, resources=_RESOURCES))
    with open_document(path, 10) as pdf:
        return pdf.read(1, 1)[0]


@pytest.mark.parametrize(
    "hidden",
    [
        line(SECRET, before="3 Tr"),
        line(SECRET, before="1 1 1 rg"),
        line(SECRET, before="0.95 0.95 0.95 rg"),
        line(SECRET, before="/T gs"),
        line(SECRET, size=0.5),
        line(SECRET) + "1 1 1 rg 60 590 400 30 re f ",
        line(SECRET) + "0 0 0 rg 60 590 400 30 re f ",
        line(SECRET) + image(60, 590, 400, 30),
        "0 0 0 rg 60 590 400 30 re f " + line(SECRET, before="3 Tr"),
        f"q BT /F 12 Tf 72 600 Td ({VISIBLE} ) Tj 1 1 1 rg ({SECRET}) Tj ET Q ",
    ],
    ids=["invisible", "white", "nearly white", "transparent", "tiny", "under white", "under black", "under an image",
         "invisible on black", "in a visible line"],
)  # fmt: skip
def test_hidden_text_is_left_out_and_counted(tmp_path: Path, hidden: str) -> None:
    page = read(tmp_path, line(VISIBLE, y=700) + hidden)

    assert "Managers" not in page.text
    assert VISIBLE in page.text
    assert page.hidden_characters == sum(map(str.isalnum, SECRET))


@pytest.mark.parametrize(
    "content",
    [
        "0 0 0 rg 60 590 400 30 re f " + line(SECRET, before="1 1 1 rg"),
        "0.9 0.9 0.9 rg 60 590 400 30 re f " + line(SECRET, before="0 0 0 rg"),
        line(SECRET) + "1 1 1 rg 60 400 400 30 re f ",
        line(SECRET) + "60 598 400 1 re f ",
        image(60, 590, 400, 30) + line(SECRET),
        line(SECRET, size=6),
    ],
    ids=["white on black", "black on gray", "next to a cover", "underlined", "on an image", "small print"],
)
def test_visible_text_stays(tmp_path: Path, content: str) -> None:
    page = read(tmp_path, line(VISIBLE, y=700) + content)

    assert SECRET in page.text
    assert page.hidden_characters == 0


@pytest.mark.parametrize(
    "content",
    [
        image(0, 0, 612, 792) + line(SECRET, before="3 Tr"),
        line(SECRET, before="3 Tr") + image(0, 0, 612, 792),
        line(SECRET) + image(20, 20, 570, 750),
    ],
    ids=["over the scan", "under the scan", "covered by the scan"],
)
def test_the_text_layer_of_a_scan_stays(tmp_path: Path, content: str) -> None:
    page = read(tmp_path, content)

    assert SECRET in page.text
    assert page.hidden_characters == 0


def test_real_handbooks_have_no_hidden_text() -> None:
    assert not [(name, page.number) for name in readable() for page in pages_of(name) if page.hidden_characters]
