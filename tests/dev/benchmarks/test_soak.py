"""The soak test's figures."""

import pytest

from bedrock_endpoints.errors import Throttled
from dev.benchmarks import soak
from lambda_src.registry import USE_CASES


def test_latencies_errors_and_memory_are_reported() -> None:
    recorder = soak.Recorder()
    recorder.latencies["chatbot message"] = [float(second) for second in range(1, 101)]
    recorder.errors["chatbot message"]["Throttled"] = 3

    report = soak.report(recorder, [{"models": 300}, {"models": 900}, {"models": 500}])

    assert "| chatbot message | 100 | 3 Throttled | 50.50 | 96.00 | 100.00 |" in report
    assert "| models | 300 | 900 | 500 |" in report


def test_every_use_case_has_a_round() -> None:
    for use_case in USE_CASES:
        assert callable(getattr(soak.Traffic, use_case.name, None)), f"add {use_case.name} to dev/benchmarks/soak.py"


def test_an_error_is_counted_and_has_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = soak.Recorder()

    def failing() -> None:
        raise Throttled("slow down")

    monkeypatch.setattr(soak, "PAUSE_SECONDS", 0)

    assert recorder.measure("x", failing) is None
    assert recorder.measure("x", lambda: 7) == 7
    assert (len(recorder.latencies["x"]), recorder.errors["x"]["Throttled"]) == (2, 1)
