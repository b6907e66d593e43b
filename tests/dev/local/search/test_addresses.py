"""Addresses follow the emulator's port."""

from dev.local.search.addresses import renewed

CURRENT = "https://localhost:2/_local/aoss/"


def test_only_addresses_of_collections_are_renewed() -> None:
    saved = {
        "Environment": {"Variables": {"SEARCH": "https://localhost:1/_local/aoss/abc", "API": "https://localhost:1/x"}},
        "Outputs": [{"Value": "chunks|https://localhost:1/_local/aoss/abc"}],
        "Timeout": 3,
    }
    assert renewed(saved, CURRENT) is saved
    assert saved == {
        "Environment": {"Variables": {"SEARCH": f"{CURRENT}abc", "API": "https://localhost:1/x"}},
        "Outputs": [{"Value": f"chunks|{CURRENT}abc"}],
        "Timeout": 3,
    }
