"""Files are read in bounded memory, whatever they are made of."""

import gzip
import io
import random
import tracemalloc
import zlib

import pytest

from lambda_src.credit_risk.text_lines import (
    MAX_LINE_BYTES,
    PIECE_BYTES,
    DamagedFileError,
    TextTooLargeError,
    lines,
)

TEXT = b"one\ntwo\r\n\nlast"


def read(content: bytes, start: int = 0, max_bytes: int = 10_000_000) -> list[bytes | None]:
    return [line for _, line in lines(io.BytesIO(content), start, max_bytes)]


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_lines_of_a_text(pack: type[bytes]) -> None:
    assert read(pack(TEXT)) == [b"one", b"two\r", b"", b"last"]
    assert read(pack(TEXT + b"\n")) == [b"one", b"two\r", b"", b"last"]
    assert read(pack(b"")) == []


def test_each_offset_is_where_the_rest_begins() -> None:
    text = b"\n".join(b"x" * random.Random(length).randrange(3_000) for length in range(500))
    packed = gzip.compress(text)
    every = list(lines(io.BytesIO(packed)))

    for number in (0, 1, 250, 498):
        end = every[number][0]
        assert list(lines(io.BytesIO(packed), end)) == every[number + 1 :]
        assert list(lines(io.BytesIO(text), end)) == every[number + 1 :]


def test_compressed_files_may_follow_one_another() -> None:
    assert read(gzip.compress(b"one\nt") + gzip.compress(b"wo\n") + gzip.compress(b"")) == [b"one", b"two"]


@pytest.mark.parametrize("cut", [1, 5, 12, 30])
def test_a_compressed_file_that_is_cut_is_damaged(cut: int) -> None:
    with pytest.raises(DamagedFileError):
        read(gzip.compress(random.Random(1).randbytes(1_000))[:-cut])


@pytest.mark.parametrize("content", [b"\x1f\x8b", b"\x1f\x8bnot gzip", gzip.compress(b"x", mtime=0) + b"trailing"])
def test_what_only_begins_as_a_compressed_file_is_damaged(content: bytes) -> None:
    with pytest.raises(DamagedFileError):
        read(content)


def test_many_tiny_compressed_files_are_refused() -> None:
    """Each costs a copy of the rest of its piece."""
    with pytest.raises(DamagedFileError, match="10,000"):
        read(gzip.compress(b"") * 10_001)


def test_a_bomb_is_refused_in_little_memory() -> None:
    compress = zlib.compressobj(9, wbits=31)
    bomb = b"".join(compress.compress(bytes(1_000_000)) for _ in range(50)) + compress.flush()
    tracemalloc.start()
    try:
        with pytest.raises(TextTooLargeError):
            read(bomb, max_bytes=40_000_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20 * PIECE_BYTES


def test_a_long_line_is_left_out_and_the_next_one_read() -> None:
    text = b"a\n" + b"x" * (3 * PIECE_BYTES) + b"\nb\n" + b"y" * (MAX_LINE_BYTES + 1)
    found = list(lines(io.BytesIO(text)))

    assert [line for _, line in found] == [b"a", None, b"b", None]
    assert found[-1][0] == len(text)
    assert list(lines(io.BytesIO(text), found[1][0])) == found[2:]
