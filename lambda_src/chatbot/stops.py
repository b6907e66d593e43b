"""Requests to stop a running answer. The functions that stream answers look for them.

Lambda does not tell a function that its client has hung up, and the request to stop may reach another process. So it is
an item, `stop#<caller>#<conversation>`, with its time: it stops the answers that were running then.
"""

from collections.abc import Callable

from lambda_src.shared.errors import ApiError
from lambda_src.shared.observability import logger
from lambda_src.shared.table import Table, item_key, to_item

# How soon a stop is noticed. A look costs half a read unit: those of a minute cost less than one token.
POLL_SECONDS = 1.0
KEPT_SECONDS = 3600
_SORT_KEY = "stop"


class StopRequests(Table):
    """The requests in the chatbot's table."""

    @classmethod
    def of(cls, table: Table) -> "StopRequests":
        """The requests in the same table as other items."""
        return cls(table._table, table._dynamodb, table._now, table._sleep)

    def add(self, caller: str, conversation_id: str) -> None:
        """Asks to stop the answers of the conversation that are running now."""
        now = self._now()
        fields = {"at": _milliseconds(now), "expiresAt": int(now) + KEPT_SECONDS}
        self._call("put_item", Item={**_key(caller, conversation_id), **to_item(fields)})

    def watch(self, caller: str, conversation_id: str) -> Callable[[], bool]:
        """A function that tells whether an answer that starts now is to stop. It reads at most once per
        `POLL_SECONDS`, and not at all for a short answer."""
        started = checked = self._now()

        def is_stopped() -> bool:
            nonlocal checked
            if self._now() - checked < POLL_SECONDS:
                return False
            checked = self._now()
            return self._requested_since(caller, conversation_id, _milliseconds(started))

        return is_stopped

    def delete(self, caller: str, conversation_id: str) -> None:
        """Deletes the request, if there is one."""
        self._call("delete_item", Key=_key(caller, conversation_id))

    def _requested_since(self, caller: str, conversation_id: str, started: int) -> bool:
        try:
            item = self._call("get_item", Key=_key(caller, conversation_id)).get("Item")
        except ApiError as error:
            # The answer is worth more than a look that fails; the next one follows soon.
            logger.warning("stop not read", error=error.code)
            return False
        return item is not None and int(item["at"]["N"]) >= started


def _key(caller: str, conversation_id: str) -> dict[str, dict[str, str]]:
    return item_key(f"stop#{caller}#{conversation_id}", _SORT_KEY)


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
