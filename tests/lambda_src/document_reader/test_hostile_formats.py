"""Files of other types than PDF that are made to exhaust their reader, to reach other files, or are not what they seem.

They are opened in the process with limits, as the function does.
"""

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from lambda_src.document_reader import office
from lambda_src.document_reader.errors import UnreadableFileError
from lambda_src.document_reader.isolated_reader import open_isolated
from lambda_src.document_reader.office import open_container
from lambda_src.shared.file_types import DOCX, PDF
from tests.lambda_src.document_reader.office_files import changed, container, word, word_body
from tests.pdfs import text_pdf

ENTITIES = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
BILLION_LAUGHS = f'<!DOCTYPE x [<!ENTITY e0 "ha">{ENTITIES}]>'
EXTERNAL = '<!DOCTYPE x [<!ENTITY e9 SYSTEM "file:///etc/passwd">]>'
PARAGRAPH = "<w:p><w:r><w:t>{}</w:t></w:r></w:p>"


def error(folder: Path, content: bytes, name: str = "document.docx") -> UnreadableFileError:
    path = folder / name
    path.write_bytes(content)
    with pytest.raises(UnreadableFileError) as raised, open_isolated(path, 5_000) as document:
        document.read(1, document.page_count)
    return raised.value


def text(folder: Path, content: bytes, name: str) -> str:
    path = folder / name
    path.write_bytes(content)
    with open_isolated(path, 5_000) as document:
        return "\n".join(page.text for page in document.read(1, document.page_count))


def with_entity(prefix: str) -> bytes:
    content = word_body(PARAGRAPH.format("&amp;e9;"))
    return changed(content, "word/document.xml", lambda part: prefix.encode() + part.replace(b"&amp;", b"&"))


def lying_size(content: bytes, size: int) -> bytes:
    """The container with another uncompressed size of its parts in the directory."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        for info in file.infolist():
            content = content.replace(info.file_size.to_bytes(4, "little"), size.to_bytes(4, "little"))
    return content


def old_office(stream: str) -> bytes:
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 2_000 + stream.encode("utf-16-le") + b"\0" * 500


def encrypted_part() -> bytes:
    content = bytearray(word_body(PARAGRAPH.format("x")))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = content.find(signature)
        while start >= 0:
            content[start + offset] |= 1
            start = content.find(signature, start + 1)
    return bytes(content)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: word_body(PARAGRAPH.format("a" * 60_000_000)), "too_complex"),
        (lambda: word_body("<w:p/>" * 1_000_000), "empty or too_complex"),
        (lambda: word_body(PARAGRAPH.format("a b") * 1_000_000), "too_complex"),
        (lambda: word_body("<w:tbl><w:tr><w:tc>" * 100_000), "damaged"),
        (lambda: with_entity(BILLION_LAUGHS), "damaged"),
        (lambda: with_entity(EXTERNAL), "damaged"),
        (lambda: word_body(PARAGRAPH.format("text"))[:-300], "damaged"),
        (lambda: word_body(PARAGRAPH.format("&undefined;")), "damaged"),
        (lambda: encrypted_part(), "encrypted"),
        (lambda: container({"a.txt": "text"}), "unsupported_type"),
        (lambda: container({"mimetype": "application/vnd.oasis.opendocument.text"}), "unsupported_type"),
        (lambda: old_office("EncryptedPackage"), "encrypted"),
        (lambda: old_office("WordDocument"), "unsupported_type"),
        (lambda: old_office("PowerPoint Document"), "unsupported_type"),
        (lambda: rb"{\rtf1 text}", "unsupported_type"),
        (lambda: b"PK\x03\x04", "damaged"),
    ],
)
def test_hostile_office_files_are_refused(tmp_path: Path, make: Callable[[], bytes], code: str) -> None:
    refused = error(tmp_path, make())
    assert refused.code in code
    assert "upload" in refused.message


def test_the_parts_of_a_file_are_limited_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "document.docx"
    path.write_bytes(word_body(PARAGRAPH.format("x" * 6_000), styles="", footnotes=PARAGRAPH.format("y" * 6_000)))

    for limit, readable in ((20_000, True), (8_000, False)):
        monkeypatch.setattr(office, "_MAX_READ_BYTES", limit)
        with open_container(path) as parts:
            parts.part("word/document.xml")
            if readable:
                parts.part("word/footnotes.xml")
                continue
            with pytest.raises(UnreadableFileError) as raised:
                parts.part("word/footnotes.xml")
            assert raised.value.code == "too_complex"


def test_a_size_that_is_a_lie_is_damage(tmp_path: Path) -> None:
    assert error(tmp_path, lying_size(word_body(PARAGRAPH.format("a" * 60_000_000)), 1_000)).code == "damaged"


@pytest.mark.parametrize(
    ("stream", "advice"), [("WordDocument", r"\.doc\).*\.docx"), ("PowerPoint Document", r"\.ppt\).*\.pptx")]
)
def test_old_formats_are_named(tmp_path: Path, stream: str, advice: str) -> None:
    refused = error(tmp_path, old_office(stream), "old.doc")
    assert re.search(advice, refused.message)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.html", b"<p>" + b"x " * 17_000_000, "too_complex"),
        ("a.html", b"<div>" * 200_000 + b"text", "too_complex"),
        ("a.html", b"<p " + b"a=1 " * 1_000_000 + b">text", "read"),
        ("a.html", b"<table><tr><td rowspan=65000 colspan=65000>" + b"x" * 900 + b"<tr><td>y" * 20_000, "read"),
        ("a.html", b"<p>" * 500_000 + b"text", "read"),
        ("a.md", b"[" * 50_000 + b"text", "read"),
        ("a.md", b">" * 50_000 + b"text", "empty"),
        ("a.md", b"*a_ " * 50_000, "read"),
        ("a.txt", b"-" * 2_000_000 + b" text", "read"),
        ("a.txt", b"1) text\n" * 200_000, "read"),
    ],
)
def test_hostile_texts_are_read_or_refused(tmp_path: Path, name: str, content: bytes, code: str) -> None:
    if code == "read":
        assert text(tmp_path, content, name)
    else:
        assert error(tmp_path, content, name).code == code


def test_nothing_outside_of_the_file_is_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.xml"
    secret.write_text("<w:styles/>")
    content = word_body(PARAGRAPH.format("text"), footnotes="")
    for target, mode in (
        (f"file://{secret}", "External"),
        (str(secret), "Internal"),
        ("../../../secret.xml", "Internal"),
    ):
        relations = f'<R><Relationship Id="r" Type="x/styles" Target="{target}" TargetMode="{mode}"/></R>'.encode()
        changed_file = changed(content, "word/_rels/document.xml.rels", lambda _, new=relations: new)
        assert text(tmp_path, changed_file, "a.docx") == "text"


def test_the_content_tells_the_type(tmp_path: Path) -> None:
    path = tmp_path / "document.docx"
    path.write_bytes(text_pdf(["Maternity leave is 120 days."]))
    with open_isolated(path, 10) as document:
        assert document.content_type == PDF
    path = tmp_path / "document.pdf"
    path.write_bytes(word(lambda each: each.add_paragraph("Maternity leave is 120 days.")))
    with open_isolated(path, 10) as document:
        assert document.content_type == DOCX
        assert document.read(1, 1)[0].text == "Maternity leave is 120 days."
        assert document.embedded_files == 0
