"""The entries of all use cases: the `ENTRY` of every module in `ui/pages`."""

import functools
import importlib
import pkgutil

from ui import pages
from ui.entry import Entry


@functools.cache
def entries() -> tuple[Entry, ...]:
    """All entries in the order of the menu."""
    modules = (importlib.import_module(f"ui.pages.{module.name}") for module in pkgutil.iter_modules(pages.__path__))
    found = [module.ENTRY for module in modules if hasattr(module, "ENTRY")]
    return tuple(sorted(found, key=lambda entry: (entry.position, entry.use_case)))
