"""Records that expire, where the stage keeps them for some days only."""

import msgspec
import pytest

from lambda_src.shared.errors import NotFound
from lambda_src.shared.settings import RecordOptions, Settings, read_settings
from lambda_src.shared.store import RecordStore
from tests.fakes import CALLER, FakeTable

DAY = 24 * 3600


class Record(msgspec.Struct):
    id: str


class Setup:
    def __init__(self, days: int) -> None:
        self.now = 1_800_000_000.0
        self.table = FakeTable()
        self.store = RecordStore("t", "record", Record, self.table, days=days, now=lambda: self.now)


def test_a_record_expires_for_readers_before_the_table_deletes_it() -> None:
    setup = Setup(days=30)
    setup.store.put(CALLER, "a", Record("a"))
    (item,) = setup.table.items.values()
    assert item["expiresAt"] == {"N": str(1_800_000_000 + 30 * DAY)}
    setup.now += 30 * DAY - 1
    assert setup.store.get(CALLER, "a") == Record("a")

    setup.now += 1

    with pytest.raises(NotFound):
        setup.store.get(CALLER, "a")
    assert setup.store.page(CALLER, 20, None) == ([], None)
    # An erasure finds it.
    assert setup.store.stored_page(CALLER, 20, None) == ([Record("a")], None)


def test_without_days_records_have_no_end() -> None:
    setup = Setup(days=0)
    setup.store.put(CALLER, "a", Record("a"))

    (item,) = setup.table.items.values()
    assert item.keys() == {"pk", "sk", "record"}


def test_functions_read_the_days_from_their_environment() -> None:
    required = {"STAGE": "s", "USE_CASE": "u", "TABLE_NAME": "t"}
    for days in (0, 30):
        variables = RecordOptions(retention_days=days).environment()
        assert bool(variables) == bool(days), "without the setting, functions have no variable for it"
        assert read_settings(Settings, {**required, **variables}).record_days == days
