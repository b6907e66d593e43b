"""The entries of all use cases: the `ENTRY` of every module in `ui/pages`."""

import functools
import importlib
import pkgutil

import streamlit as st

from ui import pages, stage
from ui.entry import Entry


def offered() -> tuple[Entry, ...]:
    """The entries that the stage's users see, in the order of the menu."""
    return tuple(entry for entry in entries() if not entry.optional or _has(entry.use_case))


# Not kept for long: the stage may get it, or lose it.
@st.cache_data(ttl=300, show_spinner=False)
def _has(use_case: str) -> bool:
    return stage.is_deployed(stage.current(), use_case)


@functools.cache
def entries() -> tuple[Entry, ...]:
    """All entries in the order of the menu."""
    modules = (importlib.import_module(f"ui.pages.{module.name}") for module in pkgutil.iter_modules(pages.__path__))
    found = [module.ENTRY for module in modules if hasattr(module, "ENTRY")]
    return tuple(sorted(found, key=lambda entry: (entry.position, entry.use_case)))
