"""Markers that make the local models fail."""

import pytest

from dev.local.models.errors import ModelError
from dev.local.models.simulate import Simulator, without_markers

NOVA_2, MICRO = "us.amazon.nova-2-lite-v1:0", "us.amazon.nova-micro-v1:0"


def test_a_marker_can_be_for_some_models() -> None:
    simulator = Simulator(sleep=lambda seconds: None)
    text = "Why? [[simulate:ThrottlingException@nova-2-lite]]"
    assert without_markers(text) == "Why?"
    simulator.apply(MICRO, text)
    with pytest.raises(ModelError) as failure:
        simulator.apply(NOVA_2, text)
    assert failure.value.code == "ThrottlingException"


def test_calls_of_other_models_do_not_count() -> None:
    simulator = Simulator(sleep=lambda seconds: None)
    text = "[[simulate:ThrottlingException@nova-2-lite:1:some-key]]"
    simulator.apply(MICRO, text)
    with pytest.raises(ModelError):
        simulator.apply(NOVA_2, text)
    simulator.apply(NOVA_2, text)
