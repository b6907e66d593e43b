"""Writes small PDFs for tests, with full control of position and type."""

import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

FONTS = {"F": "Helvetica", "B": "Helvetica-Bold"}
Box = tuple[float, float, float, float]


class Text(msgspec.Struct, frozen=True):
    """A piece of text. `x` and `y` are points from the lower left corner, `size` is the type size."""

    text: str
    x: float
    y: float
    size: float = 11
    bold: bool = False


class Sheet(msgspec.Struct, frozen=True):
    """A page. `crop`: the visible part. `picture`: whether a gray image covers the page."""

    texts: tuple[Text, ...] = ()
    crop: Box | None = None
    picture: bool = False


def paragraph(lines: list[str], top: float, x: float = 72, size: float = 11, bold: bool = False) -> tuple[Text, ...]:
    """Lines of text, from `top` down."""
    return tuple(Text(line, x, top - index * 1.3 * size, size, bold) for index, line in enumerate(lines))


def write_pdf(
    path: Path, sheets: list[Sheet], box: Box = (0, 0, 612, 792), unicode: dict[int, str] | None = None
) -> Path:
    """Writes a PDF. `box`: the media box, inherited by all pages. `unicode`: byte of the text -> its character."""
    objects: list[bytes] = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    fonts = []
    for name, font in FONTS.items():
        to_unicode = ""
        if unicode:
            objects.append(_stream(_to_unicode(unicode)))
            to_unicode = f" /ToUnicode {len(objects)} 0 R"
        objects.append(
            f"<< /Type /Font /Subtype /Type1 /BaseFont /{font} /Encoding /WinAnsiEncoding{to_unicode} >>".encode()
        )
        fonts.append(f"/{name} {len(objects)} 0 R")
    pixel = b"<< /Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8"
    objects.append(_stream(b"\x80", pixel))
    resources = f"<< /Font << {' '.join(fonts)} >> /XObject << /I {len(objects)} 0 R >> >>"
    kids = []
    for sheet in sheets:
        objects.append(_stream(_content(sheet)))
        crop = f" /CropBox [{' '.join(map(str, sheet.crop))}]" if sheet.crop else ""
        page = f"<< /Type /Page /Parent 2 0 R /Resources {resources} /Contents {len(objects)} 0 R{crop} >>"
        objects.append(page.encode())
        kids.append(f"{len(objects)} 0 R")
    bounds = " ".join(map(str, box))
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} /MediaBox [{bounds}] >>".encode()
    path.write_bytes(_file(objects))
    return path


def _content(sheet: Sheet) -> bytes:
    parts = [b"q 612 0 0 792 0 0 cm /I Do Q\n"] if sheet.picture else []
    for text in sheet.texts:
        escaped = text.text.encode("cp1252").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
        font = "B" if text.bold else "F"
        parts.append(f"BT /{font} {text.size} Tf {text.x} {text.y} Td (".encode() + escaped + b") Tj ET\n")
    return b"".join(parts)


def _to_unicode(unicode: dict[int, str]) -> bytes:
    characters = {code: chr(code) for code in range(32, 127)} | unicode
    rows = "\n".join(f"<{code:02x}> <{char.encode('utf-16-be').hex()}>" for code, char in characters.items())
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /T def /CMapType 2 def\n"
        f"1 begincodespacerange <00> <ff> endcodespacerange\n{len(characters)} beginbfchar\n{rows}\nendbfchar\n"
        "endcmap end end"
    ).encode()


def _stream(data: bytes, head: bytes = b"<<") -> bytes:
    packed = zlib.compress(data)
    return head + f" /Length {len(packed)} /Filter /FlateDecode >>\nstream\n".encode() + packed + b"\nendstream"


def _file(objects: list[bytes]) -> bytes:
    data = b"%PDF-1.7\n"
    offsets = []
    for number, content in enumerate(objects, 1):
        offsets.append(len(data))
        data += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
    rows = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    table = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{rows}"
    end = f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(data)}\n%%EOF\n"
    return data + table.encode() + end.encode()


def text_pdf(pages: Sequence[Sequence[str]]) -> bytes:
    """A PDF with one list of lines per page. Lines that start with `# ` are headings."""
    sheets = []
    for lines in pages:
        texts = [
            Text(line.removeprefix("# "), 72, 720 - 24 * number, 18 if line.startswith("# ") else 11)
            for number, line in enumerate(lines)
        ]
        sheets.append(Sheet(tuple(texts)))
    with tempfile.TemporaryDirectory() as folder:
        return write_pdf(Path(folder) / "document.pdf", sheets).read_bytes()
