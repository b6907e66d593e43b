"""Snapshots of the templates of every stage in cdk.json, so that reviews show a change's effect on them.

A stack's snapshot has the template of the stage `dev`, and a JSON Patch (RFC 6902) for each other stage. The stage's
name is replaced, so that it makes no difference.
"""

import json
from collections.abc import Callable
from typing import Any

import jsonpatch
import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from tests.stacks.assemblies import ACCESS, AUDIT, CALLER_DATA, DASHBOARD, STACKS, STAGES, USAGE, Assembly

BASE = "dev"


def normalized(assembly: Assembly, stage: str, stack: str) -> Any:
    """The template without the stage's name and the hashes of code, which other tests cover."""
    template = assembly.template(stack)
    prefix = "bedrock-endpoints"
    text = json.dumps(template.content)
    for separator in "-/":
        text = text.replace(f"{prefix}{separator}{stage}{separator}", f"{prefix}{separator}STAGE{separator}")
    for tag in ('{{"Key": "stage", "Value": "{}"}}', '"stage": "{}"'):
        text = text.replace(tag.format(stage), tag.format("STAGE"))
    content = json.loads(text)
    for resource in content["Resources"].values():
        code = resource.get("Properties", {}).get("Code", {})
        if "S3Key" in code:
            code["S3Key"] = "<hash>.zip"
    return content


@pytest.fixture(scope="session")
def templates(assembly_of: Callable[[str], Assembly]) -> dict[str, Any]:
    """The contents of each stack's snapshot."""
    contents = {stack: _content(stack, assembly_of) for stack in STACKS}
    # No stage in cdk.json has them.
    extra = {ACCESS: "tokens", USAGE: "limited", CALLER_DATA: "erasable", AUDIT: "audited", DASHBOARD: "audited"}
    return {
        **contents,
        **{stack: {stage: normalized(assembly_of(stage), stage, stack)} for stack, stage in extra.items()},
    }


def _content(stack: str, assembly_of: Callable[[str], Assembly]) -> dict[str, Any]:
    base = normalized(assembly_of(BASE), BASE, stack)
    content = {BASE: base}
    for stage in STAGES:
        if stage != BASE:
            patch = jsonpatch.make_patch(base, normalized(assembly_of(stage), stage, stack)).patch
            content[stage] = sorted(patch, key=lambda operation: operation["path"])
    return content


@pytest.fixture
def reviewed(templates: dict[str, Any], snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """The snapshots. Needs all templates first: an update deletes the snapshots of tests that fail after this."""
    return snapshot.use_extension(JSONSnapshotExtension)


@pytest.mark.parametrize("stack", [*STACKS, ACCESS, USAGE, CALLER_DATA, AUDIT, DASHBOARD])
def test_templates_are_the_reviewed_ones(stack: str, templates: dict[str, Any], reviewed: SnapshotAssertion) -> None:
    assert templates[stack] == reviewed, "if the change is intended, run `make snapshots` and review the diff"
