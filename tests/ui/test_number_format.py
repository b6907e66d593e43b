"""Numbers as the user's language writes them."""

import pytest

from ui.number_format import cost, money, number, percent, short, signed
from ui.texts import LANGUAGES


def test_numbers_are_written_in_the_users_language(monkeypatch: pytest.MonkeyPatch) -> None:
    written = {}
    for language in LANGUAGES:
        monkeypatch.setattr("ui.number_format.language", lambda language=language: language)
        written[language] = (
            number(1234.5, 1), number(-0.0001, 3), number(None), signed(-3), signed(2.5, 1), signed(0),
            percent(0.1234), money(1234.5, "BRL"), short(25279.0), short(1234567.25),
        )  # fmt: skip
    space = "\N{NO-BREAK SPACE}"
    assert written["en"] == (
        "1,234.5", "0.000", "–", "−3", "+2.5", "+0", f"12.3{space}%", "BRL 1,234.50", "25,279", "1,234,567.25",
    )  # fmt: skip
    assert written["es"] == written["pt"] == (
        "1.234,5", "0,000", "–", "−3", "+2,5", "+0", f"12,3{space}%", "BRL 1.234,50", "25.279", "1.234.567,25",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        (0.0, "USD 0.00"), (0.0000123, "USD 0.000012"), (0.0456, "USD 0.046"), (0.04, "USD 0.04"), (0.0301, "USD 0.03"),
         (0.2, "USD 0.20"), (0.999, "USD 1.00"),
        (1.5, "USD 1.50"), (1234.567, "USD 1,234.57"),
    ],
)  # fmt: skip
def test_costs_have_two_significant_digits(amount: float, written: str) -> None:
    assert cost(amount) == written


def test_costs_are_written_in_the_users_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.number_format.language", lambda: "pt")
    assert cost(0.0456, "BRL") == "BRL 0,046"
