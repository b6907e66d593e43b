"""`python -m dev.tools.lock`: locks all versions in uv.lock and exports the requirements files made from it.

The peers that the credit risk trainer is compared with have a lock of their own: in the project's, their versions would
hold back those that the project ships.
"""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from stacks.common.tools import find

ROOT = Path(__file__).parents[2]
# Requirements file -> the part of the lock it holds. Functions' packages and the web UI's image are built from these.
EXPORTS: Mapping[str, tuple[str, ...]] = {
    "requirements.txt": ("--no-default-groups",),
    "lambda_src/requirements.txt": ("--only-group", "functions"),
    "lambda_src/requirements-stream.txt": ("--only-group", "functions-stream"),
    "lambda_src/hr_qa/requirements.txt": ("--only-group", "functions-hr-qa"),
    "lambda_src/document_reader/requirements.txt": ("--only-group", "functions-document-reader"),
    "lambda_src/image_generation/requirements.txt": ("--only-group", "functions-images"),
    "lambda_src/credit_risk/training/requirements.txt": ("--only-group", "functions-training"),
    "lambda_src/access/authorizer/requirements.txt": ("--only-group", "functions-authorizer"),
    "ui/requirements.txt": ("--only-group", "ui"),
}
# The peers' versions, and their lock.
_PEERS = ROOT / "tests" / "credit_model_peers"


def export(selection: tuple[str, ...]) -> str:
    """The locked versions of a part of the lock with their hashes, in pip's format. Needs no network."""
    options = ("--frozen", "--quiet", "--no-header", "--no-annotate", "--no-emit-workspace")
    command = [find("uv"), "export", *options, *selection]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def main() -> int:
    """Locks, then exports every file."""
    subprocess.run([find("uv"), "lock"], cwd=ROOT, check=True)
    options = (
        "--quiet",
        "--universal",
        "--python-version",
        "3.11",
        "--generate-hashes",
        "--no-header",
        "--no-annotate",
    )
    peers = (str(_PEERS / "requirements.in"), "--output-file", str(_PEERS / "requirements.txt"))
    subprocess.run([find("uv"), "pip", "compile", *options, *peers], cwd=ROOT, check=True)
    for name, selection in EXPORTS.items():
        (ROOT / name).write_text(export(selection), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
