from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_src.credit_risk.protected import is_protected
from lambda_src.credit_risk.scorecard import parse
from lambda_src.credit_risk.validation import MAX_BYTES, ModelError
from tests.lambda_src.credit_risk.world import model_json

Change = Callable[[dict[str, Any]], object]


def refusal(raw: bytes | str) -> ModelError:
    with pytest.raises(ModelError) as error:
        parse(raw)
    return error.value


def refused(change: Change) -> ModelError:
    model = model_json()
    change(model)
    return refusal(msgspec.json.encode(model))


def characteristic(model: dict[str, Any], index: int) -> dict[str, Any]:
    return model["card"]["characteristics"][index]  # type: ignore[no-any-return]


def classes(model: dict[str, Any], index: int) -> list[dict[str, Any]]:
    return characteristic(model, index)["classes"]  # type: ignore[no-any-return]


def test_the_small_model_is_valid() -> None:
    assert parse(msgspec.json.encode(model_json())).model.name == "Small"


@pytest.mark.parametrize(
    ("raw", "path", "reason"),
    [
        (b"", "", "not JSON"),
        (b"\xff\xfe", "", "not JSON"),
        (b"null", "", "Expected `object`"),
        (b"[" * 200_000, "", "Expected `object`"),
        (b'{"card":' + b'{"a":' * 30_000, "card", "unknown field"),
        (b'{"name":' + b'"a' * 100, "", "not JSON"),
        (b" " * (MAX_BYTES + 1), "", "a model may have 262,144 bytes"),
        (b"{}", "", "missing required field `format`"),
        (b'{"format":"credit-scorecard/2"}', "format", "Invalid enum value"),
    ],
)
def test_what_is_no_model_is_refused(raw: bytes, path: str, reason: str) -> None:
    error = refusal(raw)

    assert error.path == path
    assert reason in error.reason


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e400", "-1e13", "1" + "0" * 400, "true", '"1"', "null"])
def test_a_number_that_is_none_is_refused(number: str) -> None:
    raw = msgspec.json.encode(model_json()).decode()
    assert refusal(raw.replace('"offset":500', f'"offset":{number}'))


@pytest.mark.parametrize(
    ("change", "path", "reason"),
    [
        (lambda m: m.update(code="import os"), "", "unknown field `code`"),
        (lambda m: m.update(name=" "), "name", "matching regex"),
        (lambda m: m.update(currency="real"), "currency", "length"),
        (lambda m: m["card"].update(minimum=850), "card.minimum", "below maximum"),
        (lambda m: m["card"].update(pointsToDoubleOdds=20), "card.pointsToDoubleOdds", "factor x ln 2"),
        (
            lambda m: m["card"].update(pointsToDoubleOdds=0.0693147, probabilityOfDefault={"offset": 0, "factor": 0.1}),
            "card.probabilityOfDefault",
            "certain, or impossible",
        ),
        (lambda m: m["card"].update(characteristics=[]), "card.characteristics", "length >= 1"),
        (lambda m: m["card"].update(basePoints=800), "card.characteristics", "scores reach from 663 to 899"),
        (lambda m: classes(m, 0)[0].update(points=-300), "card.characteristics", "scores reach from 213"),
        (lambda m: classes(m, 0)[0].update(points=1.5), "card.characteristics[0].classes[0].points", "Expected `int`"),
        (lambda m: classes(m, 0)[1].update(below=30_000), "card.characteristics[0].classes[1].below", "above the one"),
        (lambda m: classes(m, 0)[1].update(below=1), "card.characteristics[0].classes[1].below", "above the one"),
        (lambda m: classes(m, 0)[2].update(below=9e5), "card.characteristics[0].classes[2].below", "the last class"),
        (lambda m: classes(m, 0)[0].pop("below"), "card.characteristics[0].classes[0].below", "is required"),
        (lambda m: classes(m, 0)[0].update(values=["car"]), "card.characteristics[0].classes[0]", "no `values`"),
        (lambda m: classes(m, 0).clear(), "card.characteristics[0].classes", "length >= 1"),
        (lambda m: classes(m, 2)[0].update(below=3), "card.characteristics[2].classes[0]", "no `below`"),
        (
            lambda m: classes(m, 2)[1]["values"].append("car"),
            "card.characteristics[2].classes[1].values",
            "two classes",
        ),
        (
            lambda m: classes(m, 2)[0]["values"].append("car"),
            "card.characteristics[2].classes[0].values",
            "car is in two classes",
        ),
        (
            lambda m: classes(m, 2)[1]["values"].append("<script>"),
            "card.characteristics[2].classes[1].values[1]",
            "matching regex",
        ),
        (
            lambda m: classes(m, 2)[1]["values"].append("boat\n"),
            "card.characteristics[2].classes[1].values[1]",
            "matching regex",
        ),
        (lambda m: classes(m, 0)[0].update(bads=1), "card.characteristics[0].classes[0].bads", "must not exceed count"),
        (
            lambda m: classes(m, 0)[0].update(count=1),
            "card.characteristics[0].classes",
            "counts need a reference; their sum is 1",
        ),
        (
            lambda m: m.update(reference={"loans": 7, "bandBounds": [1], "bandCounts": [3, 4]}),
            "card.characteristics[0].classes",
            "must add up to reference.loans (7)",
        ),
        (
            lambda m: characteristic(m, 0).update(averagePoints=21),
            "card.characteristics[0].averagePoints",
            "between the points",
        ),
        (lambda m: characteristic(m, 1).update(name="annualIncome"), "card.characteristics[1].name", "listed twice"),
        (
            lambda m: characteristic(m, 1).update(name="shoeSize"),
            "card.characteristics[1].name",
            "is unknown; known are",
        ),
        (
            lambda m: characteristic(m, 1).update(name="__class__"),
            "card.characteristics[1].name",
            "is unknown; known are",
        ),
        (
            lambda m: m["lossGivenDefault"]["rate"].update(terms=[{"name": "addrState", "coefficient": 1}]),
            "lossGivenDefault.rate.terms[0].name",
            "protected",
        ),
        (
            lambda m: m["lossGivenDefault"]["recovers"]["terms"].append({"name": "amount", "coefficient": 1}),
            "lossGivenDefault.recovers.terms[2].name",
            "listed twice",
        ),
        (
            lambda m: m["lossGivenDefault"]["recovers"]["terms"].append(
                {"name": "purpose", "coefficient": 1, "values": ["car"]}
            ),
            "lossGivenDefault.recovers.terms[2].values",
            "car is in two classes",
        ),
        (
            lambda m: m["exposureAtDefault"]["terms"][0].update(values=["a"]),
            "exposureAtDefault.terms[0]",
            "a number has none",
        ),
        (
            lambda m: m["lossGivenDefault"]["recovers"]["terms"][1].update(missing=1),
            "lossGivenDefault.recovers.terms[1]",
            "only a number",
        ),
        (
            lambda m: m["lossGivenDefault"]["recovers"]["terms"][0].update(minimum=30_000),
            "lossGivenDefault.recovers.terms[0]",
            "minimum is above maximum",
        ),
        (lambda m: m["lossGivenDefault"].update(small=1.1), "lossGivenDefault.small", "<= 1.0"),
        (lambda m: m["defaultTiming"].reverse(), "defaultTiming[1].termMonths", "above the one before"),
        (
            lambda m: m["trainingRanges"].update(purpose={"minimum": 0, "maximum": 1}),
            "trainingRanges.purpose",
            "has no range",
        ),
        (
            lambda m: m["trainingRanges"].update(termMonths={"minimum": 60, "maximum": 36}),
            "trainingRanges.termMonths",
            "above maximum",
        ),
        (
            lambda m: m["trainingRanges"].update(sexo={"minimum": 0, "maximum": 1}),
            "trainingRanges.sexo",
            "protected",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_path(change: Change, path: str, reason: str) -> None:
    error = refused(change)

    assert error.path == path
    assert reason in error.reason


HISTOGRAM = {"first": 500, "width": 5, "goods": [1, 2], "bads": [1, 1], "amounts": [1, 1]}
HISTOGRAM |= {"expectedLosses": [1, 1], "losses": [1, 1]}
METRICS = {"set": "holdout", "first": "2010-01", "last": "2010-12", "loans": 2, "bads": 1, "auroc": 0.7, "ks": 0.3}
METRICS |= {"meanProbabilityOfDefault": 0.1, "expectedLossRate": 0.1, "lossRate": 0.1}
BAND = {"lowest": 500, "highest": 510, "loans": 2, "bads": 1, "predicted": 0.2}
PERIOD = {"period": "2011Q1", "loans": 2, "bads": 1, "meanProbabilityOfDefault": 0.1, "scorePsi": 0}


@pytest.mark.parametrize(
    ("performance", "path", "reason"),
    [
        ({"holdout": {**HISTOGRAM, "bads": [1]}}, "performance.holdout", "the same length"),
        ({"outOfTime": {**HISTOGRAM, "goods": [0, 0], "bads": [0, 0]}}, "performance.outOfTime", "no loan"),
        ({"holdout": {**HISTOGRAM, "goods": [-1, 0]}}, "performance.holdout.goods[0]", ">= 0"),
        ({"metrics": [{**METRICS, "bads": 3}]}, "performance.metrics[0].bads", "must not exceed loans"),
        (
            {"metrics": [{**METRICS, "calibration": [{**BAND, "bads": 3}]}]},
            "performance.metrics[0].calibration[0].bads",
            "must not exceed loans",
        ),
        (
            {"metrics": [{**METRICS, "calibration": [{**BAND, "lowest": 511}]}]},
            "performance.metrics[0].calibration[0].lowest",
            "must not exceed highest",
        ),
        ({"periods": [{**PERIOD, "bads": 3, "characteristics": []}]}, "performance.periods[0].bads", "must not exceed"),
        (
            {"periods": [{**PERIOD, "characteristics": [{"name": "idade", "psi": 0}]}]},
            "performance.periods[0].characteristics[0].name",
            "protected",
        ),
        ({"periods": [{**PERIOD, "period": "2011"}]}, "performance.periods[0].period", "regex"),
    ],
)
def test_performance_is_checked(performance: dict[str, Any], path: str, reason: str) -> None:
    error = refused(lambda model: model.update(performance=performance))

    assert error.path == path
    assert reason in error.reason


@pytest.mark.parametrize(
    ("reference", "path"),
    [
        ({"loans": 2, "bandBounds": [600, 600], "bandCounts": [1, 1, 0]}, "reference.bandBounds[1]"),
        ({"loans": 2, "bandBounds": [600], "bandCounts": [1, 1, 0]}, "reference.bandCounts"),
        ({"loans": 2, "bandBounds": [600], "bandCounts": [1, 2]}, "reference.bandCounts"),
    ],
)
def test_the_reference_is_checked(reference: dict[str, Any], path: str) -> None:
    def change(model: dict[str, Any]) -> None:
        model["reference"] = reference
        for index in range(len(model["card"]["characteristics"])):
            classes(model, index)[0]["count"] = 2

    assert refused(change).path == path


@pytest.mark.parametrize(
    "name",
    [
        *("age", "Age", "AGE", "sex", "gender", "race", "colour", "religion", "nationality", "nationalOrigin"),
        *("national origin", "marital-status", "pregnancy", "ethnicity", "disability", "sexual_orientation"),
        *("postcode", "zip", "zipCode", "state", "addr_state", "idade", "sexo", "gênero", "raça", "cor", "religião"),
        *("nacionalidade", "origemNacional", "estadoCivil", "gravidez", "etnia", "deficiência", "orientação sexual"),
        *("CEP", "estado", "uf", "data de nascimento"),
    ],
)
def test_a_protected_attribute_is_refused_as_such(name: str) -> None:
    error = refused(lambda model: characteristic(model, 0).update(name=name))

    assert error.path == "card.characteristics[0].name"
    assert "protected attribute" in error.reason


def test_no_characteristic_counts_as_protected() -> None:
    assert not [name for name in ("homeOwnership", "employmentYears", "grade", "purpose") if is_protected(name)]


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_other_json_is_refused(value: Any) -> None:
    assert refusal(msgspec.json.encode(value))


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(raw: bytes) -> None:
    assert refusal(raw)
