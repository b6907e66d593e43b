"""Finds the commands that build packages."""

import os
import shutil
import sys
from pathlib import Path


class ToolMissing(Exception):
    """A command is neither in the virtual environment nor on the PATH."""


def find(name: str) -> str:
    """The path of a command, preferring the virtual environment."""
    folders = (str(Path(sys.executable).parent), os.environ.get("PATH", ""))
    path = shutil.which(name, path=os.pathsep.join(folders))
    if path is None:
        raise ToolMissing(f"{name} is not installed; `make` installs it into .venv")
    return path
