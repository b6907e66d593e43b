"""Numbers as the user's language writes them. What is not known is a dash."""

from ui.texts import language

NOTHING = "–"
_SIGNS = {"pt": str.maketrans(",.", ".,")}


def number(value: float | None, digits: int = 0) -> str:
    return NOTHING if value is None else f"{value:,.{digits}f}".translate(_SIGNS.get(language(), {}))


def short(value: float) -> str:
    """A number with the digits that it has."""
    return f"{value:,.10g}".translate(_SIGNS.get(language(), {}))


def signed(value: float, digits: int = 0) -> str:
    text = number(value, digits)
    return f"+{text}" if value > 0 else text.replace("-", "−")


def percent(fraction: float | None, digits: int = 1) -> str:
    return NOTHING if fraction is None else f"{number(100 * fraction, digits)} %"


def money(amount: float | None, currency: str) -> str:
    return NOTHING if amount is None else f"{currency} {number(amount, 2)}"


def date_format() -> str:
    """For `st.date_input`."""
    return "DD/MM/YYYY" if language() == "pt" else "YYYY-MM-DD"
