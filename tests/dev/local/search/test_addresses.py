"""Collection endpoints follow the emulator's port."""

from dev.local.search.addresses import updated

CURRENT = "https://localhost:2/_local/aoss/"


def test_only_collection_endpoints_are_updated() -> None:
    saved = {
        "Environment": {"Variables": {"SEARCH": "https://localhost:1/_local/aoss/abc", "API": "https://localhost:1/x"}},
        "Outputs": [{"Value": "chunks|https://localhost:1/_local/aoss/abc"}],
        "Timeout": 3,
    }
    assert updated(saved, CURRENT) is saved
    assert saved == {
        "Environment": {"Variables": {"SEARCH": f"{CURRENT}abc", "API": "https://localhost:1/x"}},
        "Outputs": [{"Value": f"chunks|{CURRENT}abc"}],
        "Timeout": 3,
    }
