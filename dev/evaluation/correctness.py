"""Compares an answer's figures and words with the expected answer's.

Neither says that an answer is right, which takes a reader or a judge (`judge.py`). Both show when answers get worse.
"""

import re

from lambda_src.hr_qa.language import content_words

# Separators of thousands, then decimals.
_NUMBER = re.compile(r"\d{1,3}(?:([.,])\d{3})(?:\1\d{3}){0,5}(?!\d)|\d{1,18}(?:[.,]\d{1,9})?")
_ENGLISH = "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
_PORTUGUESE = "dois três quatro cinco seis sete oito nove dez onze doze treze quatorze quinze"
# "One" is left out: it is also an article or a pronoun.
_SPELLED = {
    **{word: str(number) for words in (_ENGLISH, _PORTUGUESE) for number, word in enumerate(words.split(), 2)},
    **{"duas": "2", "twenty": "20", "vinte": "20", "thirty": "30", "trinta": "30", "sixty": "60", "sessenta": "60"},
}


def numbers(text: str) -> set[str]:
    """The numbers of a text in one notation: "1,500", "1.500" and "1500" are equal, and so are "six" and "6"."""
    found = set()
    for match in _NUMBER.finditer(text):
        is_grouped = match[1] is not None
        number = re.sub(r"[.,]", "", match[0]) if is_grouped else match[0].replace(",", ".")
        found.add(number.lstrip("0") or "0")
    words = re.findall(r"[^\W\d_]{2,20}", text.lower())
    return found | {_SPELLED[word] for word in words if word in _SPELLED}


def has_figures(expected: str, text: str) -> bool | None:
    """Whether a text has every number of the expected answer; None if that has no numbers."""
    wanted = numbers(expected)
    return wanted <= numbers(text) if wanted else None


def share_of_words(expected: str, text: str, language: str) -> float | None:
    """The share of the expected answer's content words that a text has; None for an expected answer with numbers, which
    say more, or without words. `language`: the question's, an ISO 639 code."""
    wanted = set(content_words(expected, language))
    if not wanted or numbers(expected):
        return None
    return len(wanted & set(content_words(text, language))) / len(wanted)
