import sys

from stacks.common.package_target import host_target, package_target
from stacks.config import StageSettings


def test_lambdas_architectures_map_to_uvs_platforms() -> None:
    arm = package_target(StageSettings(name="a"))
    intel = package_target(StageSettings(name="a", architecture="x86_64", runtime="python3.14"))

    assert (arm.python_version, arm.platform) == ("3.13", "aarch64-manylinux_2_28")
    assert (intel.python_version, intel.platform) == ("3.14", "x86_64-manylinux_2_28")
    assert arm.runtime.name == "python3.13"
    assert intel.architecture.name == "x86_64"


def test_the_host_target_is_the_running_interpreter() -> None:
    target = package_target(StageSettings(name="a", architecture="host", runtime="host"))

    assert target == host_target()
    assert target.runtime.name == f"python3.{sys.version_info.minor}"
    assert target.platform is None
