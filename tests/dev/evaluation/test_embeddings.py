"""Vectors are kept as long as what makes them is the same."""

from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from dev.evaluation import embeddings


def test_vectors_are_computed_once_and_again_when_the_stand_in_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    @contextmanager
    def stand_in() -> Iterator[int]:
        yield 1

    def answer(port: int, missing: Sequence[tuple[str, str]]) -> Iterator[embeddings.Vector]:
        for _, text in missing:
            asked.append(text)
            yield array("f", [1.0])

    monkeypatch.setattr(embeddings, "stand_in", stand_in)
    monkeypatch.setattr(embeddings, "_asked", answer)
    for texts in (["a", "b", "a"], ["b"]):
        assert embeddings.embed(texts, tmp_path / "vectors") == [array("f", [1.0])] * len(texts)
    assert asked == ["a", "b"]
    monkeypatch.setattr(embeddings, "_version", lambda: "another")
    embeddings.embed(["b"], tmp_path / "vectors")
    assert asked == ["a", "b", "b"]
