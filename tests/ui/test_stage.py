"""Where a stage is looked for."""

import json
from pathlib import Path

import pytest

from ui.stage import Stage, StageMissing, exports, read


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
    assert stage == Stage("dev", {"embeddings": f"{url}/"}, "eu-central-1", None, "token")


def test_exports_are_read_as_a_shell_does() -> None:
    script = "# note\nunset AWS_PROFILE\nexport A='it'\\''s'\nexport B=\"x\"\n"
    assert exports(script) == {"A": "it's", "B": "x"}
