"""Rounding of everything that a model holds: its last digits would differ between machines."""

_DIGITS = 7


def rounded(number: float) -> float:
    """A number with seven significant digits."""
    return float(f"{number:.{_DIGITS}g}")
