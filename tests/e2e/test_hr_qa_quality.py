"""The search for pages is at least as good as the baseline."""

import pytest

from dev.evaluation import baseline
from dev.evaluation.client import connect
from dev.evaluation.evaluate import Plan, evaluate
from dev.evaluation.library import Progress
from tests.e2e.caller import Target

pytestmark = pytest.mark.e2e


def test_retrieval_is_not_worse_than_the_baseline(target: Target) -> None:
    expected = baseline.read()
    if target.name != expected.stage:
        pytest.skip(f"the baseline is that of the stage {expected.stage}, with its models")
    with connect(target.stage) as client:
        figures = evaluate(Plan(stage=target.name, retrieval_only=True), client, Progress())
    assert not figures.failed["searches"]
    assert not baseline.shortfalls(figures, expected)
