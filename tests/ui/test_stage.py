"""Finding the stage."""

import json
from pathlib import Path

import pytest

from bedrock_endpoints.auth import Bearer
from bedrock_endpoints.errors import NotDeployed
from ui.stage import StageMissing, read


def test_a_missing_stage_names_its_command(tmp_path: Path) -> None:
    with pytest.raises(StageMissing) as raised:
        read({"UI_STAGE_FOLDER": str(tmp_path)})
    assert raised.value.command == "make local"
    assert StageMissing("dev", "").command == "make deploy STAGE=dev"


def test_a_stage_on_aws_is_read_from_its_outputs(tmp_path: Path) -> None:
    url = "https://abc.execute-api.eu-central-1.amazonaws.com/v1"
    outputs = {"bedrock-endpoints-dev-embeddings": {"Url": url}}
    (tmp_path / "outputs-dev.json").write_text(json.dumps(outputs))
    stage = read({"UI_STAGE": "dev", "UI_STAGE_FOLDER": str(tmp_path), "UI_BEARER_TOKEN": "token"})
    assert (stage.name, stage.url("embeddings"), stage.region("embeddings")) == ("dev", url, "eu-central-1")
    assert isinstance(stage.auth, Bearer)
    with pytest.raises(NotDeployed):
        stage.url("chatbot")


def test_a_stage_on_aws_without_apis_is_missing(tmp_path: Path) -> None:
    (tmp_path / "outputs-dev.json").write_text("{}")
    with pytest.raises(StageMissing, match="neither"):
        read({"UI_STAGE": "dev", "UI_STAGE_FOLDER": str(tmp_path), "UI_BEARER_TOKEN": "token"})
