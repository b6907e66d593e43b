"""A change must not make the search for pages worse."""

import pytest

from dev.evaluation import baseline
from dev.evaluation.client import Client
from dev.evaluation.evaluate import Plan, evaluate
from dev.evaluation.library import Progress
from dev.tools.caller import Caller, Target

pytestmark = pytest.mark.e2e


def test_pages_are_found_as_well_as_the_baseline_says(target: Target, caller: Caller) -> None:
    known = baseline.read()
    if target.stage != known.stage:
        pytest.skip(f"the baseline is that of the stage {known.stage}, with its models")
    found = evaluate(Plan(stage=target.stage, retrieval_only=True), Client(caller), Progress())
    assert not found.failed["searches"]
    assert not baseline.shortfalls(found, known)
