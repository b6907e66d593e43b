"""Compiles a package's modules to `.pyc` files that Lambda's interpreter accepts whatever the files' dates.

Files in a package are dated 1980, so a normal `.pyc` counts as stale and is recompiled at every cold start. Hash-based
`.pyc` files (PEP 552) are not affected.
"""

import os
import subprocess
import sys
from pathlib import Path

from stacks.common import tools
from stacks.common.package_target import PackageTarget

# The interpreter in the pinned npm package `pyodide`.
PYODIDE_VERSION = "3.13"
# Constant sets are written in hash order; a fixed seed makes builds reproducible.
_ENVIRONMENT = {"PYTHONHASHSEED": "0", "SOURCE_DATE_EPOCH": "0"}


class CompileError(Exception):
    """The package's modules could not be compiled; the message contains the compiler's output."""


def compile_folder(folder: Path, target: PackageTarget) -> None:
    """Adds a checked-hash `.pyc` for every module below a folder, for the target's Python version.

    The running interpreter compiles if it has that version, otherwise CPython built for WebAssembly (npm's pyodide):
    byte code is the same on every machine, and no second interpreter has to be installed.
    """
    if target.python_version == f"{sys.version_info.major}.{sys.version_info.minor}":
        command = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "checked-hash", "-s", ".", "."]
    elif target.python_version == PYODIDE_VERSION:
        command = [tools.find("node"), str(Path(__file__).with_name("compile.mjs")), str(folder)]
    else:
        raise CompileError(
            f"cannot compile for Python {target.python_version}: set the stage's runtime to "
            f"python{PYODIDE_VERSION}, or run this with Python {target.python_version}"
        )
    completed = subprocess.run(
        command, cwd=folder, env={**os.environ, **_ENVIRONMENT}, capture_output=True, text=True, check=False
    )
    if completed.returncode:
        raise CompileError((completed.stdout + completed.stderr).strip())
