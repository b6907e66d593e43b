"""The use cases' pages: every module in `ui/pages` that has an `ENTRY`."""

import functools
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

from ui import pages


@dataclass(frozen=True)
class Entry:
    """One use case's page: its function, its icon, and its place in the menu.

    `use_case` is the use case's id, and the page's path. `probe` is a cheap GET that shows whether the API responds; it
    may be a path without a route, since that requires authorization too.
    """

    use_case: str
    page: Callable[[], None]
    probe: str
    icon: str
    position: int = 100

    @property
    def key(self) -> str:
        """The prefix of its texts."""
        return self.use_case.replace("-", "_")


@functools.cache
def entries() -> tuple[Entry, ...]:
    """All entries in the order of the menu."""
    modules = (importlib.import_module(f"ui.pages.{module.name}") for module in pkgutil.iter_modules(pages.__path__))
    found = [module.ENTRY for module in modules if hasattr(module, "ENTRY")]
    return tuple(sorted(found, key=lambda entry: (entry.position, entry.use_case)))
