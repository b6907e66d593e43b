"""A rate of calls that a model's quota allows."""

import threading
import time
from collections.abc import Callable


class RateLimiter:
    """Spaces calls out to so many a second, over all threads; after a pause up to a second's worth may go at once."""

    def __init__(
        self,
        per_second: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._interval = 1 / per_second
        self._clock = clock
        self._sleep = sleep
        self._next = clock()
        self._lock = threading.Lock()

    def __call__(self) -> None:
        """Waits for the caller's turn."""
        with self._lock:
            turn = max(self._next, self._clock() - 1)
            self._next = turn + self._interval
        self._sleep(max(0.0, turn - self._clock()))
