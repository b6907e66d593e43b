"""What a poster says: title, tagline and credits, made from the prompt and a seeded choice."""

import random
import re
from dataclasses import dataclass

_QUOTED = re.compile(r"[\"“«']([^\"”»']{2,40})[\"”»'](?![a-z])")
_OPENING = re.compile(
    r"^\s*(?:please\s+)?(?:(?:make|draw|create|generate|design|paint)\s+)?(?:me\s+)?(?:an?|the)?\s*"
    r"(?:(?:movie|film|cinema|vintage|minimalist|retro)\s+)*"
    r"(?:poster|picture|image|illustration|painting|film|movie)\s*(?:(?:for|of|about|showing|with)\b\s*|[:,-]\s+)"
    r"(?:(?:an?|the)\s+(?:\w+\s+)?(?:film|movie|story|tale)\s+(?:about|of|called|named|where|in which)\s*)?",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r"\s*(?:[,.;:!?()\n]| - |\b(?:who|whose|that|which|where|while|when|because|in the style)\b)\s*", re.I
)
_LINKS = {
    "at",
    "by",
    "for",
    "from",
    "in",
    "into",
    "of",
    "on",
    "over",
    "the",
    "to",
    "under",
    "with",
    "and",
    "a",
    "an",
    "her",
    "his",
    "its",
    "their",
}
_TAGLINES = (
    "Some doors open only once.",
    "Every light has its shadow.",
    "The night keeps what it is told.",
    "Nothing stays silent forever.",
    "One step further than the map.",
    "What was lost is looking back.",
    "Hold on to what the dark forgets.",
)
_FIRST = (
    "Ada",
    "Bruno",
    "Clara",
    "Davi",
    "Elena",
    "Femi",
    "Greta",
    "Hugo",
    "Ines",
    "Jonas",
    "Kaia",
    "Lior",
    "Mara",
    "Noor",
)
_LAST = ("Almeida", "Berg", "Castell", "Duarte", "Eriksen", "Falk", "Grau", "Holm", "Ivers", "Keller", "Lund", "Moreau")


@dataclass(frozen=True)
class Words:
    """The poster's texts; the title in upper case."""

    title: str
    tagline: str
    cast: str
    credits: str


def words(prompt: str, choice: random.Random) -> Words:
    """Made from the prompt; what it does not give, the seed chooses."""
    title, rest = _title(prompt)
    people = choice.sample([f"{first} {last}" for first in _FIRST for last in _LAST], 9)
    cast = "     ".join(name.upper() for name in people[:3])
    credit = (
        f"a STAND-IN PICTURES production   {title}   with {people[0]}  {people[1]}  {people[2]}  "
        f"music by {people[3]}   edited by {people[4]}   production design {people[5]}   "
        f"photography {people[6]}   written by {people[7]}   directed by {people[8]}"
    )
    return Words(title.upper(), _tagline(rest, choice), cast, credit.upper())


def _title(prompt: str) -> tuple[str, str]:
    text = " ".join(prompt.split())
    quoted = _QUOTED.search(text)
    if quoted:
        return quoted.group(1).strip(), (text[: quoted.start()] + " " + text[quoted.end() :]).strip()
    text = _OPENING.sub("", text, count=1) or text
    clauses = _CLAUSE.split(text, maxsplit=1)
    kept = [re.sub(r"[^\w'-]", "", word) for word in clauses[0].split()]
    kept = [word for word in kept if word][:12]
    if kept and kept[0].lower() in {"a", "an"}:
        kept[0] = "The"
    short = kept[:5]
    while len(short) > 1 and short[-1].lower() in _LINKS:
        short.pop()
    remaining = " ".join(kept[len(short) :])
    separator = _CLAUSE.search(text)
    linked = f"{separator.group(0).strip()} {clauses[1]}" if separator and len(clauses) > 1 else ""
    return " ".join(short) or "Untitled", remaining or linked


def _tagline(rest: str, choice: random.Random) -> str:
    fallback = choice.choice(_TAGLINES)
    found = re.match(r"^(who|whose|that|which|where|when|while)\b[^,.;:!?]{6,60}", rest, re.IGNORECASE)
    return f"... {found.group(0).strip()}" if found else fallback
