"""The Python version and machine a package is built for."""

import platform
import sys

import msgspec
from aws_cdk import aws_lambda as lambda_

from stacks.config import StageSettings


class PackageTarget(msgspec.Struct, frozen=True):
    """`python_version` is "3.13"; `platform` is uv's name for it, None on the build machine itself."""

    python_version: str
    machine: str
    platform: str | None = None

    @property
    def runtime(self) -> lambda_.Runtime:
        """The managed runtime of the version."""
        return lambda_.Runtime(f"python{self.python_version}", lambda_.RuntimeFamily.PYTHON)

    @property
    def architecture(self) -> lambda_.Architecture:
        """Lambda's name for the instruction set."""
        return lambda_.Architecture.ARM_64 if self.machine == "arm64" else lambda_.Architecture.X86_64


def host_target() -> PackageTarget:
    """The running interpreter and machine."""
    machine = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
    return PackageTarget(f"{sys.version_info.major}.{sys.version_info.minor}", machine)


def package_target(settings: StageSettings) -> PackageTarget:
    """The target of a stage's functions."""
    if settings.runtime == "host":
        return host_target()
    machine = "aarch64" if settings.architecture == "arm64" else "x86_64"
    # These runtimes are on Amazon Linux 2023, with glibc 2.34. NumPy has no wheels for anything older than 2.27.
    platform_name = f"{machine}-manylinux_2_28"
    return PackageTarget(settings.runtime.removeprefix("python"), settings.architecture, platform_name)
