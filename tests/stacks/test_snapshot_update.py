"""`make snapshots` keeps all snapshots when a stage cannot be synthesized."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.stacks.assemblies import ROOT

FAILING = """
import pytest

@pytest.fixture(scope="session")
def assembly_of():
    def synthesize(stage):
        raise RuntimeError("synthesis failed")
    return synthesize
"""


def test_a_failed_synthesis_deletes_no_snapshot(tmp_path: Path) -> None:
    shutil.copy(ROOT / "tests" / "stacks" / "test_snapshots.py", tmp_path)
    shutil.copytree(ROOT / "tests" / "stacks" / "__snapshots__", tmp_path / "__snapshots__")
    (tmp_path / "conftest.py").write_text(FAILING)
    before = contents(tmp_path)

    command = [sys.executable, "-m", "pytest", "-c", ROOT / "pyproject.toml", "--snapshot-update"]
    completed = subprocess.run([*command, tmp_path], cwd=ROOT, capture_output=True, text=True, check=False)

    assert completed.returncode == 1
    assert "synthesis failed" in completed.stdout
    assert contents(tmp_path) == before


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.json")}
