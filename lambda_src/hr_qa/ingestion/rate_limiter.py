"""Keeps calls to the rate that a model's quota allows."""

import threading
import time
from collections.abc import Callable


class RateLimiter:
    """Allows `per_second` calls over all threads. After a pause, up to a second's worth may start at once."""

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
        """Waits until the call may start."""
        with self._lock:
            start = max(self._next, self._clock() - 1)
            self._next = start + self._interval
        self._sleep(max(0.0, start - self._clock()))
