"""Installs a package's locked dependencies for its runtime, trims and compiles them."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from stacks.common import bytecode, tools
from stacks.common.package_target import PackageTarget
from stacks.common.trimming import trim


class InstallError(Exception):
    """uv could not install the requirements; the message contains its output."""


def install(requirements: Sequence[Path], target: PackageTarget, services: Sequence[str], folder: Path) -> None:
    """Installs the dependencies into a folder and trims them to what the AWS services need."""
    command = [tools.find("uv"), "pip", "install", "--quiet", "--target", str(folder), "--require-hashes"]
    command += ["--only-binary", ":all:", "--link-mode", "copy", *_platform_options(target)]
    for path in requirements:
        command += ["--requirements", str(path)]
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    if completed.returncode:
        raise InstallError(completed.stderr.strip())
    trim(folder, services)
    bytecode.compile_folder(folder, target)


def _platform_options(target: PackageTarget) -> list[str]:
    if target.platform is None:
        return ["--python", sys.executable]
    return ["--python-platform", target.platform, "--python-version", target.python_version]
