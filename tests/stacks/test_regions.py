"""A stage that names neither use cases nor models is synthesized in every region that serves it.

CDK checks the templates against CloudFormation's schemas of the region: a resource type that the region lacks is an
error.
"""

from pathlib import Path

import pytest
from aws_cdk import App

from app import add_stacks
from dev.tools.docs import regions_table
from stacks.geography import REGIONS
from stacks.loading import load_stage
from tests.stacks.assemblies import ROOT, TODAY, cdk_context

# No source says which models they serve, or their services do not suffice.
WITHOUT = {"ap-east-1", "me-central-1", "me-south-1"}


@pytest.mark.parametrize("region", sorted({*REGIONS} - WITHOUT))
def test_a_plain_stage_is_synthesized(region: str, tmp_path: Path) -> None:
    settings = load_stage({"plain": {"region": region}}, "plain", today=TODAY)
    app = App(context={**cdk_context(), "aws:cdk:bundling-stacks": []}, outdir=str(tmp_path))

    add_stacks(app, settings, TODAY)
    app.synth()

    stacks = {path.name.removesuffix(".template.json") for path in tmp_path.glob("*.template.json")}
    names = [use_case.id for use_case in settings.chosen_use_cases]
    assert stacks == {f"bedrock-endpoints-plain-{name}" for name in (*names, "model-lifecycle")}


def test_the_documented_table_is_up_to_date() -> None:
    page = (ROOT / "docs" / "regions.md").read_text("utf-8")

    assert regions_table() in page
    for region in WITHOUT:
        assert f"| `{region}` {REGIONS[region]} | - |" in page
