import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from lambda_src.hr_qa.ingestion import decompression_guard
from lambda_src.hr_qa.ingestion.decompression_guard import exceeds_decompression_limit
from lambda_src.hr_qa.ingestion.pdf import PdfError, open_document
from tests.handbooks import FOLDER
from tests.pdfs import Sheet, Text, write_pdf


def pdf_with(path: Path, *streams: bytes) -> Path:
    """A PDF with additional streams."""
    write_pdf(path, [Sheet((Text("hello", 72, 600),))])
    with path.open("ab") as file:
        for stream in streams:
            file.write(b"9 0 obj << /Filter /FlateDecode >>\nstream\n" + stream + b"\nendstream endobj\n")
    return path


def zeros(size: int) -> bytes:
    compressor = zlib.compressobj(1)
    return b"".join([compressor.compress(bytes(1024**2)) for _ in range(size // 1024**2)]) + compressor.flush()


@pytest.mark.parametrize("compress", [lambda data: data, zlib.compress], ids=["once", "twice"])
def test_a_decompression_bomb_is_refused_quickly(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    path = pdf_with(tmp_path / "bomb.pdf", compress(zeros(300 * 1024**2)))
    assert path.stat().st_size < 2 * 1024**2
    started = time.process_time()
    with pytest.raises(PdfError, match="decompresses to far more") as raised, open_document(path, 10):
        pass
    assert raised.value.code == "damaged"
    assert time.process_time() - started < 3


def test_the_total_of_all_streams_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decompression_guard, "MAX_TOTAL_BYTES", 5 * 1024**2)
    assert not exceeds_decompression_limit(pdf_with(tmp_path / "a.pdf", *[zeros(1024**2)] * 4))
    assert exceeds_decompression_limit(pdf_with(tmp_path / "a.pdf", *[zeros(1024**2)] * 6))


def test_too_many_layers_are_refused(tmp_path: Path) -> None:
    layers = b"x"
    for _ in range(10):
        layers = zlib.compress(layers)
    assert exceeds_decompression_limit(pdf_with(tmp_path / "a.pdf", layers))


def test_regular_and_damaged_streams_pass(tmp_path: Path) -> None:
    assert not any(exceeds_decompression_limit(path) for path in FOLDER.glob("*.pdf"))
    assert not exceeds_decompression_limit(
        pdf_with(tmp_path / "a.pdf", zeros(1024**2)[:100], b"", b"\x78", b"\x78\x9c broken")
    )
