"""Numbers as the user's language writes them. What is not known is a dash."""

import math

from ui.texts import language

NOTHING = "–"
_COMMA = str.maketrans(",.", ".,")
_SIGNS = {"en": {}, "es": _COMMA, "pt": _COMMA}


def number(value: float | None, digits: int = 0) -> str:
    # The option z: no sign for what rounds to zero.
    return NOTHING if value is None else _localized(f"{value:z,.{digits}f}")


def short(value: float) -> str:
    """A number with the digits that it has."""
    return _localized(f"{value:,.10g}")


def signed(value: float, digits: int = 0) -> str:
    return _localized(f"{value:+z,.{digits}f}")


def percent(fraction: float | None, digits: int = 1) -> str:
    return NOTHING if fraction is None else f"{number(100 * fraction, digits)}\N{NO-BREAK SPACE}%"


def money(amount: float | None, currency: str) -> str:
    return NOTHING if amount is None else f"{currency} {number(amount, 2)}"


def cost(amount: float, currency: str = "USD") -> str:
    """What models cost, as `cost_number` with its currency."""
    return f"{currency} {cost_number(amount)}"


def cost_number(amount: float) -> str:
    """What models cost, often far less than a cent: with up to two significant digits, and two decimals or more."""
    digits = max(2, 1 - math.floor(math.log10(amount))) if amount > 0 else 2
    ends_in_zero = digits > 2 and round(amount, digits) == round(amount, digits - 1)
    return number(amount, digits - 1 if ends_in_zero else digits)


def _localized(text: str) -> str:
    return text.translate(_SIGNS[language()]).replace("-", "−")


def date_format() -> str:
    """For `st.date_input`."""
    return "YYYY-MM-DD" if language() == "en" else "DD/MM/YYYY"
