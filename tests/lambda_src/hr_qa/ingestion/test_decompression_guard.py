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
    """A PDF that has these streams, too."""
    write_pdf(path, [Sheet((Text("hello", 72, 600),))])
    with path.open("ab") as file:
        for stream in streams:
            file.write(b"9 0 obj << /Filter /FlateDecode >>\nstream\n" + stream + b"\nendstream endobj\n")
    return path


def zeros(size: int) -> bytes:
    packer = zlib.compressobj(1)
    return b"".join([packer.compress(bytes(1024**2)) for _ in range(size // 1024**2)]) + packer.flush()


@pytest.mark.parametrize("pack", [lambda data: data, zlib.compress], ids=["once", "twice"])
def test_a_stream_that_unpacks_to_a_gigabyte_is_refused_at_once(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = pdf_with(tmp_path / "bomb.pdf", pack(zeros(300 * 1024**2)))
    assert path.stat().st_size < 2 * 1024**2
    begun = time.process_time()
    with pytest.raises(PdfError, match="decompresses to far more") as caught, open_document(path, 10):
        pass
    assert caught.value.code == "damaged"
    assert time.process_time() - begun < 3


def test_streams_count_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decompression_guard, "MAX_TOTAL_BYTES", 5 * 1024**2)
    assert not exceeds_decompression_limit(pdf_with(tmp_path / "a.pdf", *[zeros(1024**2)] * 4))
    assert exceeds_decompression_limit(pdf_with(tmp_path / "a.pdf", *[zeros(1024**2)] * 6))


def test_endless_layers_are_refused(tmp_path: Path) -> None:
    layers = b"x"
    for _ in range(10):
        layers = zlib.compress(layers)
    assert exceeds_decompression_limit(pdf_with(tmp_path / "a.pdf", layers))


def test_honest_and_damaged_streams_pass(tmp_path: Path) -> None:
    assert not any(exceeds_decompression_limit(path) for path in FOLDER.glob("*.pdf"))
    assert not exceeds_decompression_limit(
        pdf_with(tmp_path / "a.pdf", zeros(1024**2)[:100], b"", b"\x78", b"\x78\x9c broken")
    )
