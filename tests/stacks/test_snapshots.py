"""Every stack's template in every stage of cdk.json, as JSON: what a change does to them shows in its review."""

from collections.abc import Callable
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension
from syrupy.matchers import path_type

from tests.stacks.assemblies import STACKS, STAGES, Assembly


def _masked(data: Any, _matched: Any) -> Any:
    return "<hash>.zip"


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("stage", STAGES)
def test_template(stage: str, stack: str, assembly_of: Callable[[str], Assembly], snapshot: SnapshotAssertion) -> None:
    template = assembly_of(stage).template(stack)
    as_json = snapshot.use_extension(JSONSnapshotExtension)
    # Code has tests of its own; its hash would change the snapshots with every line of it.
    assert template.content == as_json(matcher=path_type({r".*\.S3Key": (str,)}, regex=True, replacer=_masked))
