"""Recommendations and the dates of applications."""

from typing import Any

import msgspec
import pytest

from lambda_src.credit_risk.characteristics import CHARACTERISTICS
from lambda_src.credit_risk.models import Applicant, Loan, ScoreCutOff
from lambda_src.credit_risk.scorecard import Notice, Result
from lambda_src.credit_risk.scoring import application_date, recommend, values_of
from tests.lambda_src.credit_risk.stage import NOW, application
from tests.lambda_src.credit_risk.world import GOOD, MONTH, scorecard

CUT_OFF = ScoreCutOff(approve=620, refer=580)


def result(score: int, *warnings: Any) -> Result:
    return msgspec.structs.replace(scorecard().score(GOOD, MONTH), score=score, warnings=warnings)


@pytest.mark.parametrize(
    ("score", "recommendation"),
    [(850, "approve"), (620, "approve"), (619, "refer"), (580, "refer"), (579, "decline"), (300, "decline")],
)
def test_a_cut_off_belongs_to_the_better_side(score: int, recommendation: str) -> None:
    assert recommend(result(score), CUT_OFF) == recommendation


@pytest.mark.parametrize("score", [300, 600, 850])
def test_beyond_the_training_data_a_person_looks(score: int) -> None:
    assert recommend(result(score, Notice("outOfRange", "loan.amount")), CUT_OFF) == "refer"


def test_an_unknown_category_is_a_warning_only() -> None:
    assert recommend(result(850, Notice("unknownCategory", "loan.purpose")), CUT_OFF) == "approve"


def test_the_values_have_the_engines_names() -> None:
    values = values_of(application().applicant, application(loan={"grade": None}).loan)

    assert values["delinquencies2Years"] == 0
    assert values["inquiries6Months"] == 1
    assert values["earliestCreditLine"] == "2004-06"
    assert values["grade"] is None


def test_every_characteristic_is_a_field_with_the_same_bounds() -> None:
    schemas = {
        group: msgspec.json.schema(struct)["$defs"][struct.__name__]["properties"]
        for group, struct in (("applicant", Applicant), ("loan", Loan))
    }
    assert {*schemas["applicant"], *schemas["loan"]} == {*CHARACTERISTICS}
    for name, characteristic in CHARACTERISTICS.items():
        schema = schemas[characteristic.group][name]
        schema = schema.get("anyOf", [schema])[0]
        if characteristic.kind == "number":
            assert (schema["minimum"], schema["maximum"]) == (characteristic.minimum, characteristic.maximum), name


def test_the_date_is_today_or_a_day_before_tomorrow_ends_everywhere() -> None:
    assert application_date(None, NOW) == "2026-11-18"
    assert application_date("1999-12-31", NOW) == "1999-12-31"
    # 11:06 in UTC: at most 1:06 of the next day elsewhere.
    assert application_date("2026-11-19", NOW) == "2026-11-19"
    for day, reason in (("2026-11-20", "is in the future"), ("2026-02-29", "there is no such day")):
        with pytest.raises(ValueError, match=reason):
            application_date(day, NOW)
