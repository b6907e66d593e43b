"""Names of downloaded files: what they contain and their day, instead of an id."""

import re
import unicodedata
from datetime import date

# In UTF-8. File systems allow 255 bytes, of which paths on Windows and browsers' " (1)" need some.
_MAX_BYTES = 100
# Letters, also of other scripts, the marks that belong to them, and digits: what every file system takes.
_KEPT = ("L", "M", "N")


def file_name(text: str, day: date, ending: str, without_letters: str) -> str:
    """A name such as `A-lighthouse-at-night-2026-11-03.png`. `without_letters` replaces a text that has none.

    The day also keeps the name from being one that Windows reserves, such as `con`.
    """
    return f"{_words(text) or without_letters}-{day.isoformat()}.{ending}"


def _words(text: str) -> str:
    """The text's first words, joined by hyphens."""
    # Before it is shortened: the plain forms of ligatures and wide letters are longer.
    plain = unicodedata.normalize("NFKC", text)
    kept = "".join(c if unicodedata.category(c)[0] in _KEPT else " " for c in plain.replace("'", "").replace("’", ""))
    joined = "-".join(kept.split())
    shortened = joined.encode()[:_MAX_BYTES].decode(errors="ignore")
    if shortened == joined:
        return joined
    # Texts of some scripts have no spaces.
    return re.sub(r"-[^-]*$", "", shortened)
