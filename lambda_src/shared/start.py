"""Makes a function's start quick: no garbage collection while it imports (0.75 of the time), and none of it re-scanned.

A handler imports this module first and calls `done()` last.
"""

import gc

gc.disable()


def done() -> None:
    """Everything made so far lives as long as the process: take it out of the collector's sight."""
    gc.freeze()
    gc.enable()
