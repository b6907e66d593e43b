"""Snapshots of the templates of all stages in cdk.json, and of optional stacks: reviews show the effect of a change.

A stack's snapshot has the template of the stage `dev`, and a JSON Patch (RFC 6902) for each other stage. The stage's
name is replaced, so that it makes no difference.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

import jsonpatch
import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from tests.stacks.assemblies import ACCESS, AUDIT, CALLER_DATA, DASHBOARD, STACKS, STAGES, UI, USAGE, Assembly

BASE = "dev"
# Stacks that no stage in cdk.json has, with the tests' stages that have them.
EXTRA = {
    ACCESS: ["tokens"],
    USAGE: ["limited"],
    CALLER_DATA: ["erasable"],
    AUDIT: ["audited"],
    DASHBOARD: ["audited"],
    UI: ["express", "people"],
}


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
    in_cdk_json = [BASE, *(stage for stage in STAGES if stage != BASE)]
    contents = {stack: _content(stack, in_cdk_json, assembly_of) for stack in STACKS}
    return contents | {stack: _content(stack, stages, assembly_of) for stack, stages in EXTRA.items()}


def _content(stack: str, stages: Sequence[str], assembly_of: Callable[[str], Assembly]) -> dict[str, Any]:
    """The template of the first stage, and a patch for each other one."""
    first, *others = stages
    base = normalized(assembly_of(first), first, stack)
    content = {first: base}
    for stage in others:
        patch = jsonpatch.make_patch(base, normalized(assembly_of(stage), stage, stack)).patch
        content[stage] = sorted(patch, key=lambda operation: operation["path"])
    return content


@pytest.fixture
def reviewed(templates: dict[str, Any], snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """The snapshots. Needs all templates first: an update deletes the snapshots of tests that fail after this."""
    return snapshot.use_extension(JSONSnapshotExtension)


@pytest.mark.parametrize("stack", [*STACKS, *EXTRA])
def test_templates_are_the_reviewed_ones(stack: str, templates: dict[str, Any], reviewed: SnapshotAssertion) -> None:
    assert templates[stack] == reviewed, "if the change is intended, run `make snapshots` and review the diff"
