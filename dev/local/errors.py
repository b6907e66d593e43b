"""The one error that the command line shows without a traceback."""

from pathlib import Path


class LocalError(Exception):
    """Something a person can act on. `log` names the file that tells more."""

    def __init__(self, message: str, log: Path | None = None) -> None:
        super().__init__(message)
        self.log = log
