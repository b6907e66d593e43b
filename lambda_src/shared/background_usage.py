"""Records what background work uses of the models, on stages that record use."""

import time
from collections.abc import Callable

from lambda_src.shared.context import Context
from lambda_src.shared.settings import Settings

Record = Callable[[Context, str], None]


def background_usage(settings: Settings) -> Record | None:
    """A function that records what a context used for a caller; None where the stage does not record use."""
    if not settings.usage_table:
        return None
    # The others start without it.
    from lambda_src.shared.usage_store import UsageStore, usage_rows

    store = UsageStore(settings.usage_table)

    def record(context: Context, caller: str) -> None:
        rows = usage_rows(
            context.uses.values(), caller=caller, use_case=settings.use_case_id, now=time.time(), background=True
        )
        store.record(rows, context.request_id)

    return record
