"""Random changes to PDFs: the reader may refuse the result, but neither loses its way nor raises.

A failing file is kept in `.cache/mutations`. `MUTATIONS=2000` runs more of them than the tests do.
"""

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lambda_src.document_reader import isolated_reader
from lambda_src.document_reader.reader_protocol import Limits
from tests.handbooks import FOLDER, readable
from tests.hostile.files import KINDS
from tests.hostile.test_files import outcome_of

MUTATIONS = int(os.environ.get("MUTATIONS", "25"))
KEPT = Path(__file__).parents[2] / ".cache" / "mutations"
# Small ones: a large file is mostly compressed data, which changes only break.
_MAX_BYTES = 400_000
_WORDS = (b"/Kids", b"/Count", b"/Contents", b"/Length", b"/Filter", b"/FlateDecode", b"/Font", b"obj", b"R", b"stream")
_LIMITS = Limits(page_seconds=4, document_seconds=4)

Mutation = Callable[[random.Random, bytearray], None]


def _change_bytes(rng: random.Random, data: bytearray) -> None:
    for _ in range(rng.choice([1, 5, 50])):
        data[rng.randrange(len(data))] = rng.randrange(256)


def _truncate(rng: random.Random, data: bytearray) -> None:
    del data[rng.randrange(len(data) // 2, len(data)) :]


def _repeat(rng: random.Random, data: bytearray) -> None:
    start = rng.randrange(len(data))
    data[start:start] = data[start : start + rng.randrange(2_000)] * rng.randrange(1, 20)


def _change_number(rng: random.Random, data: bytearray) -> None:
    digits = [index for index in range(0, len(data), 7) if data[index : index + 1].isdigit()]
    for _ in range(5):
        index = rng.choice(digits)
        data[index : index + 1] = rng.choice([b"0", b"9", b"-1", b"4294967296", b"1e38"])


def _move_word(rng: random.Random, data: bytearray) -> None:
    position = data.find(rng.choice(_WORDS), rng.randrange(len(data)))
    if position >= 0:
        data[position : position + 5] = rng.choice(_WORDS)


_MUTATIONS: tuple[Mutation, ...] = (_change_bytes, _truncate, _repeat, _change_number, _move_word)


def _originals() -> list[bytes]:
    handbooks = [(FOLDER / name).read_bytes() for name in readable()]
    hostile = [make() for name, make in KINDS.items() if not name.startswith("bomb")]
    return [content for content in [*handbooks, *hostile] if len(content) <= _MAX_BYTES]


def test_a_mutated_file_is_read_or_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exceptions: list[Any] = []
    monkeypatch.setattr(isolated_reader.logger, "error", lambda *_, **fields: exceptions.append(fields))
    originals = _originals()
    outcomes = set()
    for seed in range(MUTATIONS):
        rng = random.Random(seed)
        data = bytearray(rng.choice(originals))
        for mutate in rng.choices(_MUTATIONS, k=rng.choice([1, 1, 3])):
            mutate(rng, data)
        path = tmp_path / f"mutation_{seed}.pdf"
        path.write_bytes(data)
        try:
            outcomes.add(outcome_of(path, _LIMITS))
            assert not exceptions, "the reader raised; its traceback is above"
        except Exception:
            KEPT.mkdir(parents=True, exist_ok=True)
            (KEPT / path.name).write_bytes(data)
            raise
        path.unlink()

    assert {"pages", "damaged"} <= outcomes
