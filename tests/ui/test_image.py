"""The Docker image contains every module that the web UI imports."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
IGNORED = shutil.ignore_patterns("__pycache__", "langchain")


def test_the_copied_files_can_be_imported(tmp_path: Path) -> None:
    dockerfile = (ROOT / "ui" / "Dockerfile").read_text("utf-8")
    for source, target in re.findall(r"^COPY (\S+) (\S+)$", dockerfile, re.MULTILINE):
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, tmp_path / target, ignore=IGNORED, dirs_exist_ok=True)
    code = "import bedrock_endpoints, ui.navigation; print(bedrock_endpoints.__file__)"

    imported = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )

    assert Path(imported.stdout.strip()).is_relative_to(tmp_path)


def test_the_copied_folders_are_not_ignored() -> None:
    dockerfile = (ROOT / "ui" / "Dockerfile").read_text("utf-8")
    ignored = (ROOT / "ui" / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    assert ignored[1] == "*"
    for source in re.findall(r"^COPY (\S+) ", dockerfile, re.MULTILINE):
        assert any(
            source == kept or source.startswith(f"{kept}/")
            for line in ignored
            if (kept := line.removeprefix("!")) != line
        )
