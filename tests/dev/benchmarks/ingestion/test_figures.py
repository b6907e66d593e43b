"""What the benchmark of the ingestion says follows from what it measured."""

import pytest

from dev.benchmarks.ingestion.figures import Comparison, Ours, Peer, document, split, table, whole


@pytest.fixture
def ours() -> Ours:
    parts = {"extract": 4.0, "embed": 10.0}
    return Ours(100, 500, stored=5.0, ready=9.0, parts=parts, cpu=2.0, peaks=[90.4, 80.0], functions=2)


@pytest.fixture
def peer() -> Peer:
    return Peer(100, 300, {"extract": 10.0, "chunk": 1.0, "embed": 24.0, "store": 5.0}, peak=300.0)


def test_pace_counts_until_the_last_chunk_is_stored(ours: Ours, peer: Peer) -> None:
    assert ours.pace == pytest.approx(20)
    assert peer.pace == pytest.approx(2.5)
    assert Comparison("handbook", ours, peer, 2.0).ratio == pytest.approx(8)


def test_default_rate_allows_a_call_a_chunk_and_no_more_than_was_measured(ours: Ours) -> None:
    assert ours.pace_at_default_rate == pytest.approx(30 / 5)
    assert ours._replace(chunks=50).pace_at_default_rate == pytest.approx(20)


def test_whole_file_is_projected_but_for_its_loading(peer: Peer) -> None:
    load = Peer(1000, 0, {"extract": 70.0}, peak=250.0)

    projected = whole(peer, load, 1000)

    assert projected.parts == {"extract": 70.0, "chunk": 10.0, "embed": 240.0, "store": 50.0}
    assert (projected.pages, projected.chunks, projected.peak, projected.estimated) == (1000, 3000, 300.0, True)


def test_loading_that_took_too_long_is_projected_too(peer: Peer) -> None:
    assert whole(peer, None, 1000).parts["extract"] == pytest.approx(100)


def test_table_marks_what_is_projected(ours: Ours, peer: Peer) -> None:
    measured, projected = (
        Comparison("one", ours, peer, 2.0),
        Comparison("two", ours, peer._replace(estimated=True), 2.0),
    )

    one, two = table([measured, projected]).splitlines()[2:]

    assert one == "| one | 100 | 500 / 300 | 5.0 (9.0) | 40.0 | 20.0 | 2.50 | 8.0 | 90 + 80 | 300 |"
    assert two == "| two | 100 | 500 / ~300 | 5.0 (9.0) | ~40.0 | 20.0 | ~2.50 | ~8.0 | 90 + 80 | > 300 |"


def test_split_is_of_both_functions(ours: Ours) -> None:
    assert "| embed | 10.0 | 100.0 |" in split(ours)


def test_document_keeps_every_peak(ours: Ours, peer: Peer) -> None:
    kept = document(Comparison("handbook", ours, peer, 2.0))

    assert kept["ours"]["peakMegabytes"] == [90, 80]
    assert kept["ours"]["pagesPerSecondAtDefaultRate"] == 6.0
    assert kept["peer"]["estimated"] is False
