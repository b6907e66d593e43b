from typing import get_args

import pytest

from lambda_src.credit_risk import reasons
from lambda_src.credit_risk.characteristics import CHARACTERISTICS, Characteristic, months_between


@pytest.mark.parametrize("characteristic", CHARACTERISTICS.values(), ids=lambda characteristic: characteristic.name)
def test_each_reason_has_a_text_in_every_language(characteristic: Characteristic) -> None:
    sides: tuple[reasons.Side, ...] = (
        ("", "Missing") if characteristic.kind == "category" else ("Low", "High", "Missing")
    )

    for side in sides:
        texts = [reasons.text(characteristic.name, side, language) for language in get_args(reasons.Language)]
        assert all(text.endswith(".") and "{" not in text for text in texts)
        assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("characteristic", ["delinquencies2Years", "inquiries6Months", "publicRecords"])
def test_a_reason_about_events_is_true_of_a_single_one(characteristic: str) -> None:
    english, spanish, portuguese = (
        reasons.text(characteristic, "High", language) for language in get_args(reasons.Language)
    )

    assert "many" not in english
    assert "much" not in spanish
    assert "muit" not in portuguese


def test_a_month_is_counted_from_another() -> None:
    assert months_between("1999-12", "2001-01") == 13
    assert months_between("2001-01", "2001-01") == 0
    for text in ("2001-13", "2001-1", "2001-01-01", "01-2001", "", "2001-01\n"):
        with pytest.raises(ValueError, match="month"):
            months_between(text, "2001-01")
