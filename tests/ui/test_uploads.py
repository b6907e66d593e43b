"""Uploads with presigned forms."""

import pytest

from ui.uploads import Uploads


@pytest.mark.parametrize(
    ("document", "status", "shown"),
    [
        ("sent-here", "awaitingUpload", "processing"),
        ("sent-here", "ready", "ready"),
        ("sent-here", "failed", "failed"),
        ("announced-elsewhere", "awaitingUpload", "awaitingUpload"),
    ],
)
def test_what_was_uploaded_here_no_longer_waits_for_its_file(document: str, status: str, shown: str) -> None:
    assert Uploads("hr-qa", {"sent-here"}).status({"id": document, "status": status}) == shown
