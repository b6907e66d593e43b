"""Tags around text that is data in a prompt. The text cannot contain a tag, and so cannot close its own."""

import re

# With the two characters that normalize to it. "< 5 mm" is no tag, and models would repeat an escaped one.
_TAG_START = re.compile(r"[<\ufe64\uff1c](?!\s*[0-9])")


def escape_tags(text: str) -> str:
    """The text with `&lt;` for every character that could start a tag."""
    return _TAG_START.sub("&lt;", text)


def fence(text: str, tag: str) -> str:
    """The text between `<tag>` and `</tag>`."""
    return f"<{tag}>\n{escape_tags(text)}\n</{tag}>"
