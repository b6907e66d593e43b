"""Compiles a package's modules to `.pyc` files that Lambda's interpreter takes without a second look at dates.

Zip files carry dates of 1980, by which a normal `.pyc` counts as stale and is compiled anew at every cold start. Files
checked by the hash of their source (PEP 552) do not mind.
"""

import os
import subprocess
import sys
from pathlib import Path

from stacks.common import tools
from stacks.common.package_target import PackageTarget

# The interpreter in the pinned npm package `pyodide`.
PYODIDE_VERSION = "3.13"
# Constant sets are written in hash order, so the same source would give other bytes each time.
_ENVIRONMENT = {"PYTHONHASHSEED": "0", "SOURCE_DATE_EPOCH": "0"}


class CompileError(Exception):
    """The package's modules could not be compiled; the message has what the compiler said."""


def compile_folder(folder: Path, target: PackageTarget) -> None:
    """Puts a checked-hash `.pyc` beside every module below a folder, of the target's Python version.

    The running interpreter does it when it is of that version. Otherwise CPython compiled to WebAssembly does (npm's
    pyodide): byte code is the same on every machine, and no second interpreter has to be installed.
    """
    if target.python_version == f"{sys.version_info.major}.{sys.version_info.minor}":
        command = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "checked-hash", "-s", ".", "."]
    elif target.python_version == PYODIDE_VERSION:
        command = [tools.find("node"), str(Path(__file__).with_name("compile.mjs")), str(folder)]
    else:
        raise CompileError(
            f"nothing here compiles for Python {target.python_version}: set the stage's runtime to "
            f"python{PYODIDE_VERSION}, or run this with Python {target.python_version}"
        )
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **_ENVIRONMENT}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CompileError((done.stdout + done.stderr).strip())
