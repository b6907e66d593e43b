"""Text that no renderer turns into a link, an image or HTML, for responses that are promised to be plain text.

Removing markup can leave other markup, so nothing is removed. Each construct needs one of a few adjacent pairs of
characters, for example `](` or `://`; one pass inserts a space into every pair. No pair contains a space, so the
inserted ones complete none. Without white space, the result equals the text.
"""

import re

_BREAKS = re.compile(
    # Inline links and images, references to definitions and other links, definitions, wiki links.
    r"(?<=\])(?=[(\[:])|(?<=\[)(?=\[)"
    # HTML, comments, declarations, and links in angle brackets.
    r"|(?<=<)(?=\S)"
    # Character references, which renderers decode before they look for addresses.
    r"|(?<=&)(?=#|[A-Za-z][A-Za-z0-9]*;)"
    # Schemes, but not times and ratios.
    r"|(?<=:)(?!(?<=\d:)\d)(?=\S)"
    # Addresses without a scheme: `//host`, `www.host`, `user@host`.
    r"|(?<=/)(?=/)|(?<=www)(?=\.)|(?<=@)(?=\S)"
    # `host.com` with any of the four dots of domain names. The endings of common files are no top-level domains.
    r"|(?<=[.\u3002\uff0e\uff61])(?!(?:csv|docx?|jpe?g|pdf|png|pptx?|txt|xlsx?)\b)(?=[^\W\d_]{2})",
    re.IGNORECASE,
)


def inert_text(text: str) -> str:
    """The text with spaces inserted where a renderer would start a link, an image or HTML."""
    return _BREAKS.sub(" ", text)
