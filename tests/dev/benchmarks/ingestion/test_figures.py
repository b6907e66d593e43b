"""The ingestion benchmark's figures follow from its measurements."""

import pytest

from dev.benchmarks.ingestion.figures import Baseline, Comparison, Project, document, projected, split, table


@pytest.fixture
def project() -> Project:
    parts = {"extract": 4.0, "embed": 10.0}
    return Project(100, 500, stored=5.0, ready=9.0, parts=parts, cpu=2.0, peaks=[90.4, 80.0], functions=2)


@pytest.fixture
def baseline() -> Baseline:
    return Baseline(100, 300, {"extract": 10.0, "chunk": 1.0, "embed": 24.0, "store": 5.0}, peak=300.0)


def test_pace_counts_until_the_last_chunk_is_stored(project: Project, baseline: Baseline) -> None:
    assert project.pace == pytest.approx(20)
    assert baseline.pace == pytest.approx(2.5)
    assert Comparison("handbook", project, baseline, 2.0).ratio == pytest.approx(8)


def test_the_pace_at_the_default_rate_is_limited_by_calls_and_by_the_measured_pace(project: Project) -> None:
    assert project.pace_at_default_rate == pytest.approx(30 / 5)
    assert project._replace(chunks=50).pace_at_default_rate == pytest.approx(20)


def test_the_complete_file_is_projected_except_for_its_loading(baseline: Baseline) -> None:
    load = Baseline(1000, 0, {"extract": 70.0}, peak=250.0)

    result = projected(baseline, load, 1000)

    assert result.parts == {"extract": 70.0, "chunk": 10.0, "embed": 240.0, "store": 50.0}
    assert (result.pages, result.chunks, result.peak, result.estimated) == (1000, 3000, 300.0, True)


def test_slow_loading_is_projected_too(baseline: Baseline) -> None:
    assert projected(baseline, None, 1000).parts["extract"] == pytest.approx(100)


def test_the_table_marks_projected_values(project: Project, baseline: Baseline) -> None:
    measured, estimated = (
        Comparison("one", project, baseline, 2.0),
        Comparison("two", project, baseline._replace(estimated=True), 2.0),
    )

    first, second = table([measured, estimated]).splitlines()[2:]

    assert first == "| one | 100 | 500 / 300 | 5.0 (9.0) | 40.0 | 20.0 | 2.50 | 8.0 | 90 + 80 | 300 |"
    assert second == "| two | 100 | 500 / ~300 | 5.0 (9.0) | ~40.0 | 20.0 | ~2.50 | ~8.0 | 90 + 80 | > 300 |"


def test_the_split_covers_both_functions(project: Project) -> None:
    assert "| embed | 10.0 | 100.0 |" in split(project)


def test_the_document_has_every_peak(project: Project, baseline: Baseline) -> None:
    report = document(Comparison("handbook", project, baseline, 2.0))

    assert report["project"]["peakMegabytes"] == [90, 80]
    assert report["project"]["pagesPerSecondAtDefaultRate"] == 6.0
    assert report["baseline"]["estimated"] is False
