"""Names, descriptions, limits, and groups are validated as by the service."""

from typing import Any

import pytest

from dev.local.search import resources
from dev.local.search.resources import Groups
from dev.local.search.service import Record, Refused


@pytest.mark.parametrize("name", ["hr", "Hr-docs", "1docs", "hr_docs", "h" * 29, None])
def test_invalid_names_are_refused(name: Any) -> None:
    with pytest.raises(Refused, match="Name"):
        resources.check_name(name, 28)
    assert resources.check_name("hr-docs-2", 28) == "hr-docs-2"


def test_descriptions_must_be_ascii() -> None:
    assert resources.check_description({"Description": "plain"}) == "plain"
    with pytest.raises(Refused, match="ASCII"):
        resources.check_description({"Description": "a \u2013 dash"})


def test_documented_capacities_are_accepted() -> None:
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


class _Service:
    """A mock of the service for `Groups`."""

    def __init__(self) -> None:
        self.groups: dict[str, Record] = {}
        self.collections: list[Record] = []

    def members(self, _group: str) -> list[Record]:
        return self.collections

    def where(self) -> tuple[str, str]:
        return "us-west-2", "000000000000"


_GROUP = {"Name": "hr-group", "Generation": "NEXTGEN", "StandbyReplicas": "ENABLED"}


def test_a_group_with_collections_cannot_be_deleted() -> None:
    # given
    service = _Service()
    groups = Groups(service)  # type: ignore[arg-type]
    identifier, attributes = groups.create("G", _GROUP, "stack")
    assert attributes["Arn"] == f"arn:aws:aoss:us-west-2:000000000000:collection-group/{identifier}"
    service.collections = [{"name": "hr-docs"}]
    # when, then
    with pytest.raises(Refused, match="still has collections"):
        groups.delete(identifier, _GROUP)
    service.collections = []
    groups.delete(identifier, _GROUP)
    groups.delete(identifier, _GROUP)
    assert service.groups == {}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"StandbyReplicas": "DISABLED"}, "must be ENABLED"),
        ({"StandbyReplicas": None}, "StandbyReplicas"),
        ({"Generation": "NEXT"}, "Generation"),
        ({"Description": "caf\u00e9"}, "ASCII"),
    ],
)
def test_invalid_groups_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words):
        Groups(_Service()).create("G", {**_GROUP, **change}, "stack")  # type: ignore[arg-type]
