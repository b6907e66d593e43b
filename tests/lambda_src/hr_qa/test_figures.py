"""Numbers in digits and in words."""

import pytest

from lambda_src.hr_qa.figures import figures, spelled_figures


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1,500 or 1.500", {"1500"}),
        ("007 and 0", {"7", "0"}),
        ("٣ أيام", {"3"}),
        ("४५ दिन", {"45"}),
        ("no number", set()),
    ],
)
def test_digits_have_one_notation(text: str, numbers: set[str]) -> None:
    assert figures(text) == numbers


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("within twelve months", 12),
        ("twenty-one days", 21),
        ("one hundred and twenty days", 120),
        ("cento e vinte dias", 120),
        ("licença de cinco dias", 5),
        ("veintidós días", 22),
        ("treinta y un días", 30),
        ("ciento ochenta días", 180),
        ("vingt et un jours", 21),
        ("soixante-dix jours", 70),
        ("quatre-vingts jours", 80),
        ("quatre-vingt-dix-sept jours", 97),
        ("fünf Tage", 5),
        ("einundzwanzig Tage", 21),
        ("dreißig Tage", 30),
        ("cinque giorni", 5),
        ("ventuno giorni", 21),
        ("trentotto giorni", 38),
        ("vijfentwintig dagen", 25),
        ("drieëntwintig dagen", 23),
        ("有給休暇は十五日です", 15),
        ("年假为二十天", 20),
        ("産前産後百二十日", 120),
        ("二〇年", 20),
    ],
)
def test_words(text: str, number: int) -> None:
    assert str(number) in spelled_figures(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [("five or ten days", 15), ("one two", 3), ("twelve months or thirty days", 42), ("ten twenty", 30)],
)
def test_numbers_beside_each_other_are_not_added(text: str, number: int) -> None:
    assert str(number) not in spelled_figures(text)


def test_words_of_another_kind_are_no_numbers() -> None:
    assert spelled_figures("The employees of the company have leave.") == set()


def test_words_of_another_language_do_not_count() -> None:
    assert "11" in spelled_figures("once por mes")
    assert "11" in spelled_figures("once por mes", "es")
    assert spelled_figures("at once", "en") == set()
    assert spelled_figures("once", "ja") == set()
