"""No text has what git writes where two changes meet: documents with it would still be readable."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
MARKER = re.compile(rb"^(<{7} |>{7} )", re.MULTILINE)


def test_no_file_has_unresolved_conflicts() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    paths = [ROOT / name.decode() for name in listed.split(b"\0") if name]
    assert [path.name for path in paths if path.is_file() and MARKER.search(path.read_bytes())] == []
