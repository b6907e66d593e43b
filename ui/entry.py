"""A use case's entry in the menu."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One use case's page: its function, its icon and its position in the menu.

    `use_case` is the use case's id, and the page's path. `probe` is a cheap GET that shows whether the API responds; it
    may be a path without a route, since that requires authorization too. `optional`: shown on stages that have it only.
    """

    use_case: str
    page: Callable[[], None]
    probe: str
    icon: str
    position: int = 100
    optional: bool = False

    @property
    def key(self) -> str:
        """The prefix of its texts."""
        return self.use_case.replace("-", "_")
