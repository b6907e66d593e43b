"""The error that the command line shows without a traceback."""

from pathlib import Path


class LocalError(Exception):
    """An error that the user can act on. `log` is the file with the details."""

    def __init__(self, message: str, log: Path | None = None) -> None:
        super().__init__(message)
        self.log = log
