"""Names, descriptions and limits, as the service checks them."""

from typing import Any

import pytest

from local.search import resources
from local.search.service import Refused


@pytest.mark.parametrize("name", ["hr", "Hr-docs", "1docs", "hr_docs", "h" * 29, None])
def test_bad_names_are_refused(name: Any) -> None:
    with pytest.raises(Refused, match="Name"):
        resources.check_name(name, 28)
    assert resources.check_name("hr-docs-2", 28) == "hr-docs-2"


def test_descriptions_are_ascii() -> None:
    assert resources.check_description({"Description": "plain"}) == "plain"
    with pytest.raises(Refused, match="ASCII"):
        resources.check_description({"Description": "a \u2013 dash"})


def test_capacity_comes_in_steps() -> None:
    good = {"MinSearchCapacityInOcu": 0, "MaxSearchCapacityInOcu": 32, "MaxIndexingCapacityInOcu": "2"}
    assert resources.check_limits({"CapacityLimits": good}) == {**good, "MaxIndexingCapacityInOcu": 2}
    assert resources.check_limits({}) == {}


@pytest.mark.parametrize(
    "limits",
    [
        {"MaxSearchCapacityInOcu": 1},
        {"MaxSearchCapacityInOcu": 24},
        {"MaxSearchCapacityInOcu": 0},
        {"MinSearchCapacityInOcu": -2},
        {"MinSearchCapacityInOcu": 8, "MaxSearchCapacityInOcu": 4},
        {"MaxCapacity": 2},
    ],
)
def test_other_capacities_are_refused(limits: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="CapacityLimits"):
        resources.check_limits({"CapacityLimits": limits})
