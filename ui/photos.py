"""
Photos in requests. They are prepared before they are sent (`photo_converter.py`), so that any photo of a phone fits the
APIs' limits (docs/api.md) and its place and other metadata stay here.
"""

import base64
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import streamlit as st

from ui import components
from ui.photo_converter import MAX_MEGAPIXELS, REFUSALS
from ui.texts import t

EXTENSIONS = ["jpg", "jpeg", "png", "webp", "heic", "heif"]
MAX_COUNT = 5
MAX_MEGABYTES = 50
# Streamlit drops larger files and sends the form without them. So it gets a higher limit than the photos have.
UPLOAD_MEGABYTES = 200
_CONVERTER = Path(__file__).with_name("photo_converter.py")
_SECONDS = 60
# What Python needs to start; credentials stay here.
_PASSED_VARIABLES = ("LD_LIBRARY_PATH", "PATH", "LANG")
# A photo of 60 million pixels takes half a gigabyte while it is converted.
_ONE_AT_A_TIME = threading.Lock()


class File(Protocol):
    """Streamlit's uploaded file."""

    file_id: str
    name: str
    size: int

    def getvalue(self) -> bytes: ...


class Converted(NamedTuple):
    """A photo, or why there is none: a key of `texts/photos.toml`."""

    data: bytes = b""
    refusal: str = ""


class Photos(NamedTuple):
    """The photos in the APIs' format, and what the user has to correct before anything is sent."""

    items: list[dict[str, str]]
    problem: str | None


def prepare(files: Sequence[File], place: str) -> Photos:
    """Prepares uploaded photos, each once. `place` names the uploader: the results of its files are kept until others
    replace them."""
    key = f"photos {place}"
    kept: Mapping[str, Converted] = st.session_state.get(key, {})
    results = {file.file_id: kept.get(file.file_id) or _converted(file) for file in files}
    st.session_state[key] = results
    items = [photo(result.data) for result in results.values() if not result.refusal]
    problems = [
        t(
            f"photos.{refusal}",
            name=components.plain(file.name),
            megabytes=MAX_MEGABYTES,
            megapixels=MAX_MEGAPIXELS,
        )
        for file in files
        if (refusal := results[file.file_id].refusal)
    ]
    return Photos(items, "  \n".join(problems) or None)


def photo(data: bytes) -> dict[str, str]:
    """A prepared photo in the APIs' format."""
    return {"contentType": "image/jpeg", "data": base64.b64encode(data).decode()}


def _converted(file: File) -> Converted:
    if not file.size:
        return Converted(refusal="empty")
    if file.size > MAX_MEGABYTES * 1024**2:
        return Converted(refusal="too_large")
    with _ONE_AT_A_TIME:
        return convert(file.getvalue())


def convert(data: bytes) -> Converted:
    """Converts a photo in another process, which a hostile file may crash, exhaust or take over."""
    environment = {name: os.environ[name] for name in _PASSED_VARIABLES if name in os.environ}
    options: dict[str, Any] = {"env": environment, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    try:
        process = subprocess.run(
            [sys.executable, "-I", str(_CONVERTER)], input=data, timeout=_SECONDS, check=False, **options
        )
    except subprocess.TimeoutExpired:
        return Converted(refusal="unreadable")
    outcome, _, converted = process.stdout.partition(b"\n")
    if outcome == b"ok" and converted:
        return Converted(converted)
    refusal = outcome.decode("ascii", "replace")
    return Converted(refusal=refusal if refusal in REFUSALS else "unreadable")
