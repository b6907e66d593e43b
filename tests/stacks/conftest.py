"""Each stage is synthesized once per session."""

from collections.abc import Callable

import pytest

from tests.stacks.assemblies import EXTRA_STAGES, STAGES, Assembly, synthesize


@pytest.fixture(scope="session")
def assembly_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Assembly]:
    """Synthesizes a stage, once per session."""
    assemblies: dict[str, Assembly] = {}

    def synthesize_once(stage: str) -> Assembly:
        if stage not in assemblies:
            assemblies[stage] = synthesize(stage, tmp_path_factory.mktemp(stage))
        return assemblies[stage]

    return synthesize_once


@pytest.fixture(params=[*STAGES, *EXTRA_STAGES])
def assembly(request: pytest.FixtureRequest, assembly_of: Callable[[str], Assembly]) -> Assembly:
    """Each stage in turn."""
    return assembly_of(request.param)
