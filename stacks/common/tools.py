"""Finds the commands that packages are built with."""

import os
import shutil
import sys
from pathlib import Path


class ToolMissing(Exception):
    """A command is neither in the running virtual environment nor on the PATH."""


def find(name: str) -> str:
    """The path of a command; the running virtual environment's own first."""
    folders = (str(Path(sys.executable).parent), os.environ.get("PATH", ""))
    found = shutil.which(name, path=os.pathsep.join(folders))
    if found is None:
        raise ToolMissing(f"{name} is not installed; `make` installs it into .venv")
    return found
