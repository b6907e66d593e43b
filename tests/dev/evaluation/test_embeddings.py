"""Vectors are cached until the local models change."""

from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from dev.evaluation import embeddings


def test_vectors_are_computed_once_and_again_after_a_change_of_the_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[str] = []

    @contextmanager
    def local_models() -> Iterator[int]:
        yield 1

    def answer(port: int, missing: Sequence[tuple[str, str]]) -> Iterator[embeddings.Vector]:
        for _, text in missing:
            computed.append(text)
            yield array("f", [1.0])

    monkeypatch.setattr(embeddings, "local_models", local_models)
    monkeypatch.setattr(embeddings, "_computed", answer)
    for texts in (["a", "b", "a"], ["b"]):
        assert embeddings.embed(texts, tmp_path / "vectors") == [array("f", [1.0])] * len(texts)
    assert computed == ["a", "b"]
    monkeypatch.setattr(embeddings, "_version", lambda: "another")
    embeddings.embed(["b"], tmp_path / "vectors")
    assert computed == ["a", "b", "b"]
