from pathlib import Path

import pytest

from stacks.common.bytecode import CompileError, compile_folder
from stacks.common.package_target import PackageTarget, host_target


def compiled(folder: Path, target: PackageTarget) -> bytes:
    folder.mkdir()
    (folder / "module.py").write_text("CHOICES = {'a', 'b', 'c', 'd'}\ndef f(x): return x in {'p', 'q', 'r'}\n")
    compile_folder(folder, target)
    (path,) = folder.rglob("*.pyc")
    return path.read_bytes()


@pytest.mark.parametrize("target", [host_target(), PackageTarget("3.13", "arm64", "aarch64-manylinux_2_28")])
def test_the_same_source_gives_the_same_bytes(target: PackageTarget, tmp_path: Path) -> None:
    first, second = compiled(tmp_path / "first", target), compiled(tmp_path / "second", target)

    assert first == second
    # PEP 552: hash-based and checked.
    assert int.from_bytes(first[4:8], "little") == 0b11
    assert str(tmp_path).encode() not in first


def test_a_module_that_does_not_compile_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text("def f(:\n")

    for target in (host_target(), PackageTarget("3.13", "arm64", "aarch64-manylinux_2_28")):
        with pytest.raises(CompileError, match=r"module\.py"):
            compile_folder(tmp_path, target)


def test_a_version_without_a_compiler_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match=r"set the stage's runtime to python3\.13"):
        compile_folder(tmp_path, PackageTarget("3.99", "arm64"))
