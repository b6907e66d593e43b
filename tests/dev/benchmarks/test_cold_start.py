"""The benchmark compares equal versions, and reports the figures."""

import pytest

from dev.benchmarks.cold_start import ROOT, Comparison, Start, locked, pins, report, table


@pytest.fixture
def comparison() -> Comparison:
    project = [Start(100.0, 110.0), Start(120.0, 130.0), Start(300.0, 310.0)]
    baseline = [Start(200.0, 220.0), Start(300.0, 320.0), Start(400.0, 420.0)]
    return Comparison("embeddings", project, baseline)


def test_baseline_has_the_same_versions_as_the_functions() -> None:
    project = pins(ROOT / "lambda_src" / "requirements.txt")
    baseline = pins(locked("bench-baseline"))

    assert {"boto3", "botocore", "aws-lambda-powertools"} <= project.keys() & baseline.keys()
    assert {name: baseline[name] for name in project.keys() & baseline.keys()} == {
        name: project[name] for name in project.keys() & baseline.keys()
    }


def test_ratios_are_of_medians_and_of_pairs(comparison: Comparison) -> None:
    assert comparison.ratio_of_medians == pytest.approx(120 / 300)
    assert comparison.median_of_ratios == pytest.approx(0.5)
    assert comparison.request_ratio == pytest.approx(130 / 320)


def test_report_has_every_start_and_no_machine_name(comparison: Comparison) -> None:
    result = report([comparison])

    assert result["runs"] == 3
    assert result["functions"][0]["project"]["allInitMs"] == [100.0, 120.0, 300.0]
    assert result.keys() == {"date", "python", "cpus", "loadAverage", "aim", "runs", "versions", "functions"}


def test_table_has_a_row_per_function(comparison: Comparison) -> None:
    assert "| embeddings | 120 | 300 | 0.400 | 0.500 | 0.406 |" in table([comparison])
