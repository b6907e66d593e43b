"""Files are recognized by their content; what is not understood is refused with the file and the reason."""

import os
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from dev.tools.catalog.answers import InvalidAnswer, read_folder
from tests.dev.tools.catalog.conftest import TODAY, Case

MODEL = {
    "modelId": "x.y",
    "modelArn": "arn:aws:bedrock:eu-west-1::foundation-model/x.y",
    "modelLifecycle": {"status": "ACTIVE"},
}
PROFILE = {
    "inferenceProfileId": "eu.x.y",
    "inferenceProfileArn": "arn:aws:bedrock:eu-west-1:111122223333:inference-profile/eu.x.y",
    "models": [{"modelArn": "arn:aws:bedrock:eu-west-1::foundation-model/x.y"}],
    "status": "ACTIVE",
    "type": "SYSTEM_DEFINED",
}
OFFER = {"offerCode": "AmazonBedrock", "products": {}, "terms": {"OnDemand": {}}}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([], "no answer of Bedrock"),
        ({}, "no answer of Bedrock"),
        (7, "no answer of Bedrock"),
        (["x"], "no answer of Bedrock"),
        ({"amazon.nova-lite-v1:0": {"regions": ["us-east-1"]}}, "no answer of Bedrock"),
        (OFFER | {"offerCode": "AmazonEC2"}, "no answer of Bedrock"),
        ({"modelSummaries": []}, "an empty list"),
        ({"modelSummaries": [], "region": "mars-1"}, "region 'mars-1' is not in stacks/geography.py"),
        ({"modelSummaries": [{"modelId": "x"}]}, r"`modelArn`.*modelSummaries\[0\]"),
        ({"modelSummaries": [MODEL | {"modelArn": "x"}]}, "not an ARN: 'x'"),
        ({"modelSummaries": [MODEL | {"modelLifecycle": {"status": "NEW"}}]}, "x.y: modelLifecycle: .*'NEW'"),
        (
            {"modelSummaries": [MODEL, MODEL | {"modelArn": "arn:aws:bedrock:eu-west-2::foundation-model/x.y"}]},
            "several regions: eu-west-1, eu-west-2",
        ),
        ([{"modelDetails": MODEL | {"modelLifecycle": {"status": "ACTIVE", "legacyTime": "soon"}}}], "'soon'"),
        ({"inferenceProfileSummaries": [PROFILE | {"models": []}]}, "eu.x.y: models"),
        ({"inferenceProfileSummaries": [PROFILE | {"inferenceProfileId": "eu.x.z"}]}, "not the model x.z"),
        ({"inferenceProfileSummaries": [PROFILE], "nextToken": "more"}, "the last page is missing"),
        ({"inferenceProfileSummaries": [PROFILE], "NextToken": "more"}, "the last page is missing"),
        (OFFER | {"products": {"A": {}}}, "`attributes`"),
        (
            OFFER | {"terms": {"OnDemand": {"A": {"T": {"priceDimensions": {"D": {"unit": "1K tokens"}}}}}}},
            "`pricePerUnit`",
        ),
        ({"modelSummaries": [MODEL], "fetched": "today"}, "today"),
    ],
)
def test_an_invalid_file_is_refused(case: Case, content: Any, reason: str) -> None:
    case.only()
    case.save("answer.json", content)

    with pytest.raises(InvalidAnswer, match=reason):
        read_folder(case.answers, None)


def test_a_refusal_names_the_file(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    path = case.answers / "a.json"
    path.write_text("{", "utf-8")

    assert case.run() == 2
    assert capsys.readouterr().err.startswith(f"{path}: ")


@pytest.mark.parametrize("name", ["models-us-east-1.json", "profiles-us-west-2.json"])
def test_a_second_answer_of_a_region_is_refused(case: Case, name: str) -> None:
    with case.edit(name) as answer:
        case.save("second.json", answer)

    with pytest.raises(InvalidAnswer, match="second"):
        read_folder(case.answers, None)


def test_pages_may_come_in_any_order(case: Case) -> None:
    case.only("profiles-us-east-1-1.json", "profiles-us-east-1-2.json")
    (case.answers / "profiles-us-east-1-1.json").rename(case.answers / "z.json")

    assert len(read_folder(case.answers, None).profiles["us-east-1"]) == 4


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidAnswer, match="has no JSON files"):
        read_folder(tmp_path, None)
    with pytest.raises(InvalidAnswer, match="has no JSON files"):
        read_folder(tmp_path / "none", None)


def test_the_day_is_the_given_one_or_the_metadata_s_or_the_file_s(case: Case) -> None:
    case.only("models-us-east-1.json")
    path = case.answers / "models-us-east-1.json"
    noon = datetime(2026, 11, 3, 12).timestamp()
    os.utime(path, (noon, noon))

    assert read_folder(case.answers, None).days == {"models": date(2026, 11, 3)}
    with case.edit(path.name) as answer:
        answer["fetched"] = "2026-11-20"
    assert read_folder(case.answers, None).days == {"models": date(2026, 11, 20)}
    assert read_folder(case.answers, TODAY).days == {"models": TODAY}
