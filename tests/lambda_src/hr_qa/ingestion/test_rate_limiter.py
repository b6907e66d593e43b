"""Calls are limited to a rate."""

from lambda_src.hr_qa.ingestion.rate_limiter import RateLimiter


class Clock:
    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waits.append(round(seconds, 6))
        self.now += seconds


def test_calls_are_spaced_evenly() -> None:
    clock = Clock()
    limiter = RateLimiter(4, clock, clock.sleep)
    for _ in range(9):
        limiter()
    assert clock.now - 100 == 2.0
    assert clock.waits[1:] == [0.25] * 8


def test_after_a_pause_at_most_a_seconds_worth_starts_at_once() -> None:
    clock = Clock()
    limiter = RateLimiter(4, clock, clock.sleep)
    clock.now += 60
    for _ in range(6):
        limiter()
    assert clock.waits == [0, 0, 0, 0, 0, 0.25]
