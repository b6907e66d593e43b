"""The texts of a poster: title, tagline, and credits, from the prompt and a seeded choice."""

import random
import re
from dataclasses import dataclass

_QUOTED = re.compile(r"[\"“«']([^\"”»']{2,40})[\"”»'](?![a-z])")
_INTRODUCTION = re.compile(
    r"^\s*(?:please\s+)?(?:(?:make|draw|create|generate|design|paint)\s+)?(?:me\s+)?(?:an?|the)?\s*"
    r"(?:(?:movie|film|cinema|vintage|minimalist|retro)\s+)*"
    r"(?:poster|picture|image|illustration|painting|film|movie)\s*(?:(?:for|of|about|showing|with)\b\s*|[:,-]\s+)"
    r"(?:(?:an?|the)\s+(?:\w+\s+)?(?:film|movie|story|tale)\s+(?:about|of|called|named|where|in which)\s*)?",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r"\s*(?:[,.;:!?()\n]| - |\b(?:who|whose|that|which|where|while|when|because|in the style)\b)\s*", re.I
)
_LINKS = set(re.findall(r"\w+", "a an and at by for from her his in into its of on over the their to under with"))
_TAGLINES = (
    "Some doors open only once.",
    "Every light has its shadow.",
    "The night keeps its secrets.",
    "Nothing stays silent forever.",
    "One step further than the map.",
    "What was lost is looking back.",
    "Hold on to what the dark forgets.",
)
_FIRST = ["Ada", "Bruno", "Clara", "Davi", "Elena", "Femi", "Greta", "Hugo", "Ines", "Jonas", "Kaia", "Lior", "Mara"]
_LAST = ["Almeida", "Berg", "Castell", "Duarte", "Eriksen", "Falk", "Grau", "Holm", "Ivers", "Keller", "Lund", "Moreau"]


@dataclass(frozen=True)
class Words:
    """The poster's texts; the title is in uppercase."""

    title: str
    tagline: str
    cast: str
    credits: str


def words(prompt: str, choice: random.Random) -> Words:
    """Takes the texts from the prompt; the seed chooses the rest."""
    title, rest = _title(prompt)
    people = choice.sample([f"{first} {last}" for first in _FIRST for last in _LAST], 9)
    cast = "     ".join(name.upper() for name in people[:3])
    credit = (
        f"a LOCAL STAGE production   {title}   with {people[0]}  {people[1]}  {people[2]}  "
        f"music by {people[3]}   edited by {people[4]}   production design {people[5]}   "
        f"photography {people[6]}   written by {people[7]}   directed by {people[8]}"
    )
    return Words(title.upper(), _tagline(rest, choice), cast, credit.upper())


def _title(prompt: str) -> tuple[str, str]:
    text = " ".join(prompt.split())
    quoted = _QUOTED.search(text)
    if quoted:
        return quoted.group(1).strip(), (text[: quoted.start()] + " " + text[quoted.end() :]).strip()
    text = _INTRODUCTION.sub("", text, count=1) or text
    clauses = _CLAUSE.split(text, maxsplit=1)
    title = [re.sub(r"[^\w'-]", "", word) for word in clauses[0].split()]
    title = [word for word in title if word][:12]
    if title and title[0].lower() in {"a", "an"}:
        title[0] = "The"
    short = title[:5]
    while len(short) > 1 and short[-1].lower() in _LINKS:
        short.pop()
    remaining = " ".join(title[len(short) :])
    separator = _CLAUSE.search(text)
    linked = f"{separator.group(0).strip()} {clauses[1]}" if separator and len(clauses) > 1 else ""
    return " ".join(short) or "Untitled", remaining or linked


def _tagline(rest: str, choice: random.Random) -> str:
    fallback = choice.choice(_TAGLINES)
    clause = re.match(r"^(who|whose|that|which|where|when|while)\b[^,.;:!?]{6,60}", rest, re.IGNORECASE)
    return f"... {clause.group(0).strip()}" if clause else fallback
