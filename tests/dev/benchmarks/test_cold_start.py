"""The benchmark compares like with like, and says what it measured."""

import pytest

from dev.benchmarks.cold_start import ROOT, Comparison, Start, locked, pins, report, table


@pytest.fixture
def comparison() -> Comparison:
    ours = [Start(100.0, 110.0), Start(120.0, 130.0), Start(300.0, 310.0)]
    peer = [Start(200.0, 220.0), Start(300.0, 320.0), Start(400.0, 420.0)]
    return Comparison("embeddings", ours, peer)


def test_peer_has_the_same_versions_as_our_functions() -> None:
    ours = pins(ROOT / "lambda_src" / "requirements.txt")
    peer = pins(locked("bench-baseline"))

    assert {"boto3", "botocore", "aws-lambda-powertools"} <= ours.keys() & peer.keys()
    assert {name: peer[name] for name in ours.keys() & peer.keys()} == {
        name: ours[name] for name in ours.keys() & peer.keys()
    }


def test_ratios_are_of_medians_and_of_pairs(comparison: Comparison) -> None:
    assert comparison.ratio_of_medians == pytest.approx(120 / 300)
    assert comparison.median_of_ratios == pytest.approx(0.5)
    assert comparison.request_ratio == pytest.approx(130 / 320)


def test_report_keeps_every_start_and_no_machine_name(comparison: Comparison) -> None:
    kept = report([comparison])

    assert kept["runs"] == 3
    assert kept["functions"][0]["ours"]["allInitMs"] == [100.0, 120.0, 300.0]
    assert kept.keys() == {"date", "python", "cpus", "loadAverage", "aim", "runs", "versions", "functions"}


def test_table_has_a_row_a_function(comparison: Comparison) -> None:
    assert "| embeddings | 120 | 300 | 0.400 | 0.500 | 0.406 |" in table([comparison])
