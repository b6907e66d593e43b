"""A small catalog, and answers of AWS that agree with it: each test changes one thing."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from dev.tools.catalog import document
from dev.tools.catalog.__main__ import main
from dev.tools.catalog.answers import read_folder
from dev.tools.catalog.refresh import Refresh

HERE = Path(__file__).parent
TODAY = date(2026, 11, 24)


class Case:
    """A folder of answers and a catalog, both copies."""

    def __init__(self, folder: Path) -> None:
        self.answers = folder / "answers"
        self.file = folder / "models.json"
        shutil.copytree(HERE / "answers", self.answers)
        shutil.copy(HERE / "catalog.json", self.file)
        prices = (self.answers / "prices-marketplace-us-east-1.json").read_text("utf-8")
        west = prices.replace("us-east-1", "us-west-2").replace("USE1", "USW2")
        (self.answers / "prices-marketplace-us-west-2.json").write_text(west, "utf-8")

    def only(self, *names: str) -> None:
        """Deletes all other answers."""
        for path in self.answers.iterdir():
            if path.name not in names:
                path.unlink()

    def save(self, name: str, content: Any) -> None:
        """Adds or replaces an answer."""
        (self.answers / name).write_text(json.dumps(content), "utf-8")

    @contextmanager
    def edit(self, name: str) -> Iterator[Any]:
        """An answer's content, saved afterwards."""
        content = json.loads((self.answers / name).read_text("utf-8"))
        yield content
        self.save(name, content)

    @contextmanager
    def edit_row(self, model_id: str) -> Iterator[Any]:
        """A row of the catalog, saved afterwards."""
        content = document.read(self.file)
        yield content["models"][model_id]
        self.file.write_text(document.render(content), "utf-8")

    def refresh(self, *, confirm: bool = False, read: date | None = TODAY) -> Refresh:
        """Applies the answers."""
        refresh = Refresh(document.read(self.file), read_folder(self.answers, read), TODAY, confirm)
        document.catalog(refresh.document)
        return refresh

    def changes(self) -> dict[str, Any]:
        """What the answers change outside of `sources`: row id, or routing name -> field -> value."""
        before, after = document.read(self.file), self.refresh().document
        changed: dict[str, Any] = {}
        assert [*after["models"]] == [*before["models"]]
        for model_id, row in after["models"].items():
            old = before["models"][model_id]
            for name in {*row, *old} - {"sources"}:
                if row.get(name) != old.get(name):
                    changed.setdefault(model_id, {})[name] = row.get(name)
        for name in {*after["routings"], *before["routings"]}:
            if after["routings"].get(name) != before["routings"].get(name):
                changed[name] = after["routings"].get(name)
        return changed

    def run(self, *options: str) -> int:
        """Runs the command. Returns its exit code."""
        return main([str(self.answers), *options], TODAY, self.file)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """The catalog and the answers that agree with it."""
    return Case(tmp_path)
