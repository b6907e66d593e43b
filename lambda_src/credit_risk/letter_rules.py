"""What a model may not write in a letter, as far as code can tell.

A letter must not add to the reasons (12 CFR 1002.9(b)(2): they are specific, and the principal ones), say what was or
will be decided, or bring up an attribute that no decision may rest on. The rules are strict, since the model is asked
again with the rule that it broke.
"""

import re
import unicodedata

from lambda_src.credit_risk.protected import protected_name_in

# Words about a decision or a promise in English, Portuguese and Spanish, without accents, by how they begin.
_DECISION = re.compile(
    r"\b(?:approv|declin|refus|reject|deni(?:ed|al|es)|deny|grant|guarant|promis|eligib|qualif"
    r"|aprov|recus|rejeit|negad|negar|negam|indefer|conced|concess|garant|promet|promes|elegiv"
    r"|aprob|rechaz|deneg|nieg|otorg|elegib|califica(?!cion))"
)
# Models like to leave gaps for names and signatures, although the prompt forbids both.
_PLACEHOLDER = re.compile(r"[\[\]{}<>]")


def problem(passage: str) -> str | None:
    """The rule that a passage breaks, in words for the model; None if it breaks none."""
    # The sentences of the reasons have no digits, so every one is made up; so is every amount.
    if any(character.isnumeric() or character == "%" or _is_currency(character) for character in passage):
        return "Write no digits, percentages or amounts."
    if _PLACEHOLDER.search(passage):
        return "Write no brackets or placeholders."
    if decision := _DECISION.search(_plain(passage)):
        return f"Say nothing about a decision and promise nothing: leave out words like `{decision[0]}`."
    if name := protected_name_in(passage):
        return f"Mention no personal attribute: leave out `{name}`."
    return None


def _is_currency(character: str) -> bool:
    return unicodedata.category(character) == "Sc"


def _plain(text: str) -> str:
    """Lower case without accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))
