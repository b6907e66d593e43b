"""Records what background work uses of the models, on stages that record use."""

import time
from collections.abc import Callable

from lambda_src.shared.context import Context
from lambda_src.shared.errors import ApiError
from lambda_src.shared.observability import logger
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
        """The work is done: a store that fails must not repeat it."""
        use_case = settings.use_case.replace("_", "-")
        try:
            rows = usage_rows(context.uses.values(), caller=caller, use_case=use_case, now=time.time(), background=True)
            for row in rows:
                store.add(row)
        except ApiError as error:
            logger.warning("use not recorded", request_id=context.request_id, error=type(error).__name__)

    return record
