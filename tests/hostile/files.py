"""PDFs made to exhaust, block or crash their reader: one function for each kind.

Never open them without limits. `write_all` puts them into a folder.
"""

import base64
import random
import zlib
from collections.abc import Callable
from pathlib import Path

MEGABYTE = 1024**2
# More than a reader's memory.
BOMB_BYTES = 700 * MEGABYTE
_FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
_FORM = b"/Type /XObject /Subtype /Form /BBox [0 0 600 800]"

KINDS: dict[str, Callable[[], bytes]] = {}


def kind(function: Callable[[], bytes]) -> Callable[[], bytes]:
    """Registers a kind under its function's name."""
    KINDS[function.__name__] = function
    return function


def write_all(folder: Path) -> list[Path]:
    """Writes one file of each kind."""
    paths = []
    for name, make in KINDS.items():
        path = folder / f"{name}.pdf"
        path.write_bytes(make())
        paths.append(path)
    return paths


def build(objects: list[bytes], *, trailer: bytes = b"") -> bytes:
    """A file with these objects, numbered from 1; the first is the catalog."""
    body = b"%PDF-1.7\n"
    offsets = []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    table += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    end = b"trailer << /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, trailer, len(body))
    return body + table + end


def stream(content: bytes, entries: bytes = b"", *, after: bytes = b"\n") -> bytes:
    """A stream object; `after` follows the word `stream`."""
    return b"<< %s /Length %d >>\nstream%s%s\nendstream" % (entries, len(content), after, content)


def flate(content: bytes, entries: bytes = b"", *, after: bytes = b"\n") -> bytes:
    """A compressed stream object."""
    return stream(zlib.compress(content, 9), entries + b" /Filter /FlateDecode", after=after)


def document(content: bytes, *others: bytes, resources: bytes = b"", page: bytes = b"", pages: int = 1) -> bytes:
    """A file whose pages share a content stream (object 3). `others` are numbered from 5; object 4 is a font."""
    first = 5 + len(others)
    kids = b" ".join(b"%d 0 R" % (first + number) for number in range(pages))
    leaf = (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 3 0 R "
        b"/Resources << /Font << /F 4 0 R >> %s >> %s >>" % (resources, page)
    )
    tree = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, pages)
    return build([b"<< /Type /Catalog /Pages 2 0 R >>", tree, content, _FONT, *others, *[leaf] * pages])


def _zeros(size: int) -> bytes:
    compressor = zlib.compressobj(9)
    return b"".join([compressor.compress(b" " * MEGABYTE) for _ in range(size // MEGABYTE)]) + compressor.flush()


def _bomb(filters: bytes, data: bytes, after: bytes = b"\n") -> bytes:
    return document(stream(data, b"/Filter " + filters, after=after))


def _lines(count: int) -> bytes:
    return b"BT /F 9 Tf 1 0 0 1 50 700 Tm " + b"(A word) Tj 0 -1 Td " * count + b"ET"


# Recursion.


@kind
def form_that_draws_itself() -> bytes:
    return document(
        stream(b"/A Do"), stream(b"/A Do /A Do", _FORM + b" /Resources << /XObject << /A 5 0 R >> >>"),
        resources=b"/XObject << /A 5 0 R >>",
    )  # fmt: skip


@kind
def forms_that_draw_each_other() -> bytes:
    forms = [
        stream(b"/A Do /A Do", _FORM + b" /Resources << /XObject << /A %d 0 R >> >>" % other) for other in (6, 7, 5)
    ]
    return document(stream(b"/A Do"), *forms, resources=b"/XObject << /A 5 0 R >>")


def _nested(depth: int, width: int) -> bytes:
    forms = [
        stream(b"/A Do " * width, _FORM + b" /Resources << /XObject << /A %d 0 R >> >>" % (6 + level))
        for level in range(depth)
    ]
    text = b"/Resources << /Font << /F 4 0 R >> >>"
    return document(
        stream(b"/A Do"), *forms, stream(_lines(2), _FORM + text), resources=b"/XObject << /A 5 0 R >>"
    )  # fmt: skip


@kind
def nested_forms_ten_wide() -> bytes:
    return _nested(9, 10)


@kind
def nested_forms_two_wide() -> bytes:
    return _nested(28, 2)


@kind
def nested_forms_hundred_wide() -> bytes:
    return _nested(4, 100)


@kind
def font_glyph_that_draws_itself() -> bytes:
    font = (
        b"<< /Type /Font /Subtype /Type3 /FontBBox [0 0 1000 1000] /FontMatrix [0.001 0 0 0.001 0 0] /FirstChar 65 "
        b"/LastChar 65 /Widths [1000] /Encoding << /Differences [65 /A] >> /CharProcs << /A 6 0 R >> "
        b"/Resources << /Font << /F 5 0 R >> >> >>"
    )
    glyph = stream(b"1000 0 d0 BT /F 900 Tf (AAAA) Tj ET")
    return document(
        stream(b"BT /T 20 Tf 50 700 Td (AAAA) Tj ET"), font, glyph, resources=b"/Font << /F 4 0 R /T 5 0 R >>"
    )


@kind
def pattern_that_paints_itself() -> bytes:
    pattern = (
        b"/PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 9 9] /XStep 1 /YStep 1 "
        b"/Resources << /Pattern << /P 5 0 R >> >>"
    )
    return document(
        stream(b"/Pattern cs /P scn 0 0 600 800 re f"),
        stream(b"/Pattern cs /P scn 0 0 9 9 re f", pattern),
        resources=b"/Pattern << /P 5 0 R >>",
    )


@kind
def soft_mask_of_itself() -> bytes:
    state = b"<< /Type /ExtGState /SMask << /S /Luminosity /G 6 0 R >> >>"
    group = _FORM + b" /Group << /S /Transparency >> /Resources << /ExtGState << /G 5 0 R >> >>"
    return document(
        stream(b"/G gs 0 0 600 800 re f"), state, stream(b"/G gs 0 0 600 800 re f", group),
        resources=b"/ExtGState << /G 5 0 R >>",
    )  # fmt: skip


@kind
def annotation_that_shows_itself() -> bytes:
    appearance = stream(b"/A Do /A Do", _FORM + b" /Resources << /XObject << /A 6 0 R >> >>")
    annotation = b"<< /Type /Annot /Subtype /Stamp /Rect [0 0 600 800] /AP << /N 6 0 R >> /F 4 >>"
    return document(stream(_lines(3)), annotation, appearance, page=b"/Annots [5 0 R]")


# Much work for a small file.


@kind
def many_pages_of_one_heavy_stream() -> bytes:
    return document(flate(_lines(800_000)), pages=25)


@kind
def many_texts_on_one_page() -> bytes:
    return document(flate(b"BT /F 9 Tf " + b"1 0 0 1 9 9 Tm (x) Tj " * 2_500_000 + b"ET"))


@kind
def many_curves_on_one_page() -> bytes:
    return document(flate(b"0 0 m " + b"1 2 3 4 5 6 c " * 4_000_000 + b"f"))


@kind
def many_saved_states() -> bytes:
    return document(flate(b"q " * 20_000_000))


@kind
def one_line_of_ten_million_characters() -> bytes:
    return document(flate(b"BT /F 1 Tf 0 0 Td (" + b"word " * 2_000_000 + b") Tj ET"))


@kind
def many_inline_images() -> bytes:
    image = b"BI /W 100 /H 100 /BPC 8 /CS /G /F /Fl ID " + zlib.compress(b"\0" * 10_000) + b" EI "
    return document(flate(image * 200_000))


@kind
def content_in_many_parts() -> bytes:
    parts = b"[" + b"3 0 R " * 100_000 + b"]"
    return document(flate(_lines(200)), page=b"/Contents " + parts)


@kind
def clipping_paths() -> bytes:
    return document(flate(b"0 0 m 9 9 l 9 0 l W n " * 1_000_000 + _lines(3)))


@kind
def large_character_map() -> bytes:
    ranges = b"100 beginbfrange\n" + b"<0000> <ffff> <0041>\n" * 100 + b"endbfrange\n"
    font = (
        b"<< /Type /Font /Subtype /Type0 /BaseFont /A /Encoding /Identity-H /DescendantFonts [6 0 R] "
        b"/ToUnicode 7 0 R >>"
    )
    system = b"<< /Registry (A) /Ordering (I) /Supplement 0 >>"
    descendant = b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /A /CIDSystemInfo %s >>" % system
    cmap = flate(b"/CIDInit /ProcSet findresource begin begincmap\n" + ranges * 200 + b"endcmap")
    text = stream(b"BT /T 9 Tf 50 700 Td <00410042> Tj ET")
    return document(text, font, descendant, cmap, resources=b"/Font << /F 4 0 R /T 5 0 R >>")


# Decompression.


@kind
def bomb_after_a_carriage_return() -> bytes:
    return _bomb(b"/FlateDecode", _zeros(BOMB_BYTES), after=b"\r")


@kind
def bomb_after_a_space() -> bytes:
    return _bomb(b"/FlateDecode", _zeros(BOMB_BYTES), after=b" \r\n")


@kind
def bomb_compressed_twice() -> bytes:
    return _bomb(b"[/FlateDecode /FlateDecode]", zlib.compress(_zeros(BOMB_BYTES), 9))


@kind
def bomb_in_hexadecimal() -> bytes:
    return _bomb(b"[/ASCIIHexDecode /FlateDecode]", _zeros(BOMB_BYTES).hex().encode() + b">")


@kind
def bomb_in_ascii_85() -> bytes:
    return _bomb(b"[/ASCII85Decode /FlateDecode]", base64.a85encode(_zeros(BOMB_BYTES)) + b"~>")


@kind
def bomb_of_run_lengths() -> bytes:
    runs = b"\x81 " * (1500 * MEGABYTE // 128)
    return _bomb(b"[/FlateDecode /RunLengthDecode]", zlib.compress(runs, 9))


@kind
def bomb_of_lzw() -> bytes:
    return _bomb(b"[/FlateDecode /LZWDecode]", zlib.compress(_lzw_of_blanks(600 * MEGABYTE), 9))


@kind
def bomb_with_a_predictor() -> bytes:
    entries = b"/Filter /FlateDecode /DecodeParms << /Predictor 15 /Columns 1000000 >>"
    return document(stream(_zeros(BOMB_BYTES), entries))


@kind
def sixty_megabytes_of_operators() -> bytes:
    return document(flate(b"0 0 m 1 1 l S " * (60 * MEGABYTE // 14)))


@kind
def huge_image() -> bytes:
    image = b"/Type /XObject /Subtype /Image /Width 60000 /Height 60000 /ColorSpace /DeviceRGB /BitsPerComponent 8"
    return document(
        stream(b"600 0 0 800 0 0 cm /I Do"), stream(_zeros(100 * MEGABYTE), image + b" /Filter /FlateDecode"),
        resources=b"/XObject << /I 5 0 R >>",
    )  # fmt: skip


# Structure.


@kind
def page_tree_in_a_circle() -> bytes:
    return build([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 10 >>"])


@kind
def page_tree_of_a_billion_pages() -> bytes:
    levels = [
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b"%d 0 R " % (3 + level) * 10, 10 ** (9 - level))
        for level in range(9)
    ]
    leaf = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] >>"
    return build([b"<< /Type /Catalog /Pages 2 0 R >>", *levels, leaf])


@kind
def deeply_nested_arrays() -> bytes:
    return document(stream(_lines(3)), page=b"/Deep " + b"[" * 500_000 + b"]" * 500_000)


@kind
def deeply_nested_content() -> bytes:
    return document(flate(b"[" * 5_000_000 + b"] TJ"))


@kind
def length_that_refers_to_itself() -> bytes:
    return document(b"<< /Length 3 0 R >>\nstream\n" + _lines(3) + b"\nendstream")


@kind
def cross_references_in_a_circle() -> bytes:
    content = document(stream(_lines(3)))
    start = content.index(b"xref\n")
    return content.replace(b"trailer <<", b"trailer << /Prev %d" % start)


@kind
def objects_without_a_table() -> bytes:
    objects = b"".join(b"%d 0 obj << /A [%d 0 R] >> endobj\n" % (number, number + 1) for number in range(10, 300_000))
    return document(stream(_lines(3))).partition(b"xref\n")[0] + objects


@kind
def object_stream_in_itself() -> bytes:
    inner = flate(
        b"5 0 6 30 " + b"<< /A 6 0 R >>".ljust(30) + b"<< /B 5 0 R >>", b"/Type /ObjStm /N 2 /First 9 /Extends 5 0 R"
    )
    return document(stream(_lines(3)), inner)


@kind
def huge_page_box() -> bytes:
    return document(stream(b"0 0 1e9 1e9 re f " + _lines(3)), page=b"/MediaBox [-1e38 -1e38 1e38 1e38]")


@kind
def noise() -> bytes:
    return b"%PDF-1.7\n" + random.Random(1).randbytes(2 * MEGABYTE)


def _lzw_of_blanks(size: int) -> bytes:
    """LZW codes (PDF 32000-1, 7.4.4) of blanks: in each table, every code stands for one blank more than the last."""
    table = [format(32, "09b")]
    blanks = 1
    for length, code in enumerate(range(258, 4095), 2):
        # A code becomes one bit longer one entry early.
        table.append(format(code, f"0{max(9, (code + 1).bit_length())}b"))
        blanks += length
    codes = ("".join(table) + format(256, "012b")) * (size // blanks)
    bits = format(256, "09b") + codes
    bits = bits[: len(bits) // 8 * 8]
    return int(bits, 2).to_bytes(len(bits) // 8, "big")
