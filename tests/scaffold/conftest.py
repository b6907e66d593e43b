"""A copy of the project in which use cases can be created."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INSTALLED = (".venv", ".venv-local", "node_modules")
# The use cases in the copy, and the models they call. Nobody gives a real use case these names.
NEW = {"scaffold_text": "text", "scaffold_none": "none"}


class Copy:
    """A copy of the working tree, with new files and without ignored ones, that shares the installed environments."""

    def __init__(self, root: Path) -> None:
        self.root = root
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
        for name in filter(None, listing.split("\0")):
            if (ROOT / name).is_file():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, root / name)
        for name in INSTALLED:
            (root / name).symlink_to(ROOT / name)

    def python(self, *arguments: str) -> str:
        """Runs Python in the copy; returns its output, and fails the test with it when the command fails."""
        environment = {
            **os.environ,
            "PATH": os.pathsep.join((f"{ROOT}/.venv/bin", f"{ROOT}/node_modules/.bin", os.environ["PATH"])),
        }
        completed = subprocess.run(
            [sys.executable, *arguments], cwd=self.root, env=environment, capture_output=True, text=True, check=False
        )
        assert completed.returncode == 0, completed.stdout + completed.stderr
        return completed.stdout


@pytest.fixture(scope="session")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """With one new use case that calls a model, and one that calls none."""
    project = Copy(tmp_path_factory.mktemp("project"))
    for name, models in NEW.items():
        project.python("-m", "dev.tools.use_case", name, "--models", models)
    project.python("-m", "dev.tools.openapi")
    project.python("-m", "dev.tools.docs")
    project.python("-m", "pytest", "tests/stacks/test_snapshots.py", "--snapshot-update")
    return project
