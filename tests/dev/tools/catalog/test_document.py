"""The file's layout is the tool's."""

from pathlib import Path

import pytest

from dev.tools.catalog import document

FILES = [document.FILE, Path(__file__).with_name("catalog.json")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_committed_file_is_what_the_tool_writes(path: Path) -> None:
    assert document.render(document.read(path)) == path.read_text("utf-8")


def test_a_file_is_replaced_at_once(tmp_path: Path) -> None:
    path = tmp_path / "models.json"
    path.write_text("old", "utf-8")
    with path.open() as reader:
        document.write("new", path)
        assert reader.read() == "old"

    assert [entry.name for entry in tmp_path.iterdir()] == ["models.json"]
    assert path.read_text("utf-8") == "new"
