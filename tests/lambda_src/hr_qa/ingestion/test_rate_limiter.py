"""Calls keep to a rate."""

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


def test_calls_are_spaced_out() -> None:
    clock = Clock()
    pace = RateLimiter(4, clock, clock.sleep)
    for _ in range(9):
        pace()
    assert clock.now - 100 == 2.0
    assert clock.waits[1:] == [0.25] * 8


def test_a_pause_saves_up_a_second_at_most() -> None:
    clock = Clock()
    pace = RateLimiter(4, clock, clock.sleep)
    clock.now += 60
    for _ in range(6):
        pace()
    assert clock.waits == [0, 0, 0, 0, 0, 0.25]
