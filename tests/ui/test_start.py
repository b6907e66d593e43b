"""What the web UI's server does before its first visitor."""

import subprocess
import sys

from tests.ui.browser import ROOT

PRINTS = "import gc, sys; import app; print(gc.get_freeze_count() > 50_000, 'ui.pages.chatbot' in sys.modules)"


def test_pages_are_imported_and_left_out_of_garbage_collections() -> None:
    printed = subprocess.run(
        [sys.executable, "-c", PRINTS], cwd=ROOT / "ui" / "start", env={"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert printed.stdout == "True True\n"
