"""What a model's passage of a letter may not say, and that the fixed sentences themselves break no rule."""

from typing import get_args

import pytest

from lambda_src.credit_risk import letter_rules, reasons
from lambda_src.credit_risk.characteristics import CHARACTERISTICS
from lambda_src.credit_risk.protected import protected_name_in


@pytest.mark.parametrize(
    ("passage", "rule"),
    [
        ("Your income is below 30000.", "digits"),
        ("You asked for credit \u0663 times.", "digits"),
        ("It is half (\u00bd) of the limit.", "digits"),
        ("A small % of it is used.", "digits"),
        ("Você deve R$ mil.", "digits"),
        ("Ask for a loan in \u20ac.", "digits"),
        ("Dear [name], this is why.", "brackets"),
        ("Dear {name}, this is why.", "brackets"),
        ("See <a>.", "brackets"),
        ("Your loan will be approved soon.", "approv"),
        ("We are happy to APPROVE it.", "approv"),
        ("We guarantee an answer.", "guarant"),
        ("It was declined.", "declin"),
        ("Your application was denied.", "denied"),
        ("You do not qualify.", "qualif"),
        ("Seu pedido será aprovado.", "aprov"),
        ("Prometemos o empréstimo.", "promet"),
        ("O crédito será concedido.", "conced"),
        ("Seu pedido foi indeferido.", "indefer"),
        ("Você não é elegível.", "elegiv"),
        ("Su solicitud fue rechazada.", "rechaz"),
        ("Le otorgamos el préstamo.", "otorg"),
        ("Usted no califica.", "califica"),
        ("Your age matters.", "`age`"),
        ("It depends on your date of birth.", "`date of birth`"),
        ("Marital status is not considered.", "`Marital status`"),
        ("O gênero não importa.", "`gênero`"),
        ("Seu estado civil não importa.", "`estado civil`"),
        ("Depende de la fecha de nacimiento.", "`fecha de nacimiento`"),
    ],
)
def test_a_passage_that_breaks_a_rule(passage: str, rule: str) -> None:
    problem = letter_rules.problem(passage)

    assert problem is not None
    assert rule in problem


@pytest.mark.parametrize(
    "passage",
    [
        "This letter states the reasons, and you can address questions to us.",
        "Lenders look at how long accounts have been open, since a longer history shows more.",
        "As consultas recentes ao crédito têm estado acima da média dos solicitantes.",
        "O nome tem registros negativos no relatório de crédito.",
        "La calificación del préstamo y la antigüedad de las cuentas son parte de la puntuación.",
    ],
)
def test_a_passage_that_breaks_none(passage: str) -> None:
    assert letter_rules.problem(passage) is None


@pytest.mark.parametrize("language", get_args(reasons.Language))
@pytest.mark.parametrize("characteristic", CHARACTERISTICS.values(), ids=lambda each: each.name)
def test_the_fixed_sentences_break_no_rule(characteristic: object, language: reasons.Language) -> None:
    """A model that repeats their words is not refused, and there is no digit that it could take from them."""
    name, kind = characteristic.name, characteristic.kind  # type: ignore[attr-defined]
    sides: tuple[reasons.Side, ...] = ("", "Missing") if kind == "category" else ("Low", "High", "Missing")
    for side in sides:
        assert letter_rules.problem(reasons.text(name, side, language)) is None


def test_a_protected_name_is_found_in_up_to_three_words() -> None:
    assert protected_name_in("The data de nascimento of somebody") == "data de nascimento"
    assert protected_name_in("Nothing about the state of things") is None
    assert protected_name_in("") is None
