"""Changes require a deployment, and API URLs are converted to local ones."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from dev.local.deployment import Deployment, fingerprint, local_outputs, local_url
from dev.local.environment import Endpoint
from dev.local.paths import Paths
from dev.local.stage import env_file, variable


class _CloudFormation:
    """A mock with the emulator's stacks."""

    def __init__(self, **stacks: str) -> None:
        self._stacks = [{"StackName": name, "StackStatus": status} for name, status in stacks.items()]

    def get_paginator(self, _name: str) -> Any:
        return self

    def paginate(self) -> list[dict[str, Any]]:
        return [{"Stacks": self._stacks}]


def _deployed(project: Paths) -> None:
    (project.root / "app.py").write_text("first", encoding="utf-8")
    record = {"fingerprint": fingerprint(project.root), "overrides": "{}", "stacks": ["one"]}
    project.deployed.write_text(json.dumps(record), encoding="utf-8")


def deployment(project: Paths, **stacks: str) -> Deployment:
    return Deployment(project, {}, _CloudFormation(**stacks), {})


def test_unchanged_sources_are_not_deployed_again(project: Paths) -> None:
    _deployed(project)
    assert deployment(project, one="CREATE_COMPLETE").is_current()


def test_a_changed_source_or_a_missing_or_failed_stack_is_deployed(project: Paths) -> None:
    _deployed(project)
    assert not deployment(project).is_current()
    assert not deployment(project, one="ROLLBACK_COMPLETE").is_current()
    # The issuer has another port.
    issuer = {"auth": {"issuers": [{"url": "http://localhost:2"}]}}
    assert not Deployment(project, {}, _CloudFormation(one="CREATE_COMPLETE"), issuer).is_current()
    (project.root / "app.py").write_text("second", encoding="utf-8")
    assert not deployment(project, one="CREATE_COMPLETE").is_current()


def test_the_fingerprint_depends_on_names_and_contents_but_not_on_caches(tmp_path: Path) -> None:
    (tmp_path / "stacks" / "__pycache__").mkdir(parents=True)
    (tmp_path / "stacks" / "a.py").write_text("1", encoding="utf-8")
    before = fingerprint(tmp_path)
    (tmp_path / "stacks" / "__pycache__" / "a.pyc").write_text("x", encoding="utf-8")
    assert fingerprint(tmp_path) == before
    (tmp_path / "stacks" / "a.py").rename(tmp_path / "stacks" / "b.py")
    assert fingerprint(tmp_path) != before


def test_only_api_urls_are_converted() -> None:
    outputs = {"stack": {"Url": "https://abc123.execute-api.us-west-2.amazonaws.com/v1/", "Name": "table"}}
    assert local_outputs(outputs, 9) == {
        "stack": {"Url": "https://localhost:9/_aws/execute-api/abc123/v1/", "Name": "table"}
    }
    assert local_url("https://example.com/v1/", 9) is None


def test_a_shell_can_source_the_env_file(tmp_path: Path) -> None:
    # given a key with shell metacharacters
    caller = {"accessKeyId": "AKIA", "secretAccessKey": 'it\'s $HOME `x` "y"'}
    text = env_file(Endpoint(1, Path("/c a.pem")), caller, {"image-generation": "https://localhost:1/x/"})
    (tmp_path / "env").write_text(text, encoding="utf-8")
    # when
    names = '"$AWS_SECRET_ACCESS_KEY" "$AWS_CA_BUNDLE" "$IMAGE_GENERATION_URL" "${AWS_PROFILE-}"'
    script = f'. ./env; printf "%s|%s|%s|%s" {names}'
    settings = {"PATH": os.environ["PATH"], "AWS_PROFILE": "production"}
    completed = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, env=settings, capture_output=True, text=True, check=True
    )
    # then
    assert completed.stdout == 'it\'s $HOME `x` "y"|/c a.pem|https://localhost:1/x/|'
    assert variable("image-generation") == "IMAGE_GENERATION_URL"
