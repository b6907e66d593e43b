"""
The parts of the project's model catalog that the emulator needs.

The catalog module needs msgspec, which the emulator's environment must not have: functions run in that environment,
and a package without msgspec would work here and fail on AWS. So the launcher exports the rows as JSON.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dev.local.paths import write_private


@dataclass(frozen=True)
class Profile:
    """An inference profile: its model, and the regions it can route to by the region of the call."""

    model: str
    destinations: dict[str, list[str]]
    is_global: bool


class Catalog:
    """Models and inference profiles by id."""

    def __init__(self, models: dict[str, dict[str, Any]]) -> None:
        self._models = models
        self._profiles = {
            f"{prefix}.{model_id}": Profile(model_id, destinations, prefix == "global")
            for model_id, model in models.items()
            for prefix, destinations in model["profiles"].items()
        }

    @classmethod
    def read(cls, path: Path) -> "Catalog":
        return cls(json.loads(path.read_text(encoding="utf-8")))

    def profile(self, identifier: str) -> Profile | None:
        """The inference profile with this id or ARN, if any."""
        return self._profiles.get(_bare(identifier))

    def model(self, identifier: str) -> tuple[str, dict[str, Any]] | None:
        """Id and row of the foundation model for a model's or profile's id or ARN."""
        bare = _bare(identifier)
        profile = self._profiles.get(bare)
        model_id = profile.model if profile else bare
        return (model_id, self._models[model_id]) if model_id in self._models else None


def _bare(identifier: str) -> str:
    return identifier.rpartition("/")[2] if identifier.startswith("arn:") else identifier


def write(target: Path) -> None:
    """Exports the rows of `lambda_src/shared/models.json`. Runs in the launcher's environment."""
    from stacks.model_catalog import CATALOG

    rows = {
        model.id: {
            "purpose": model.purpose,
            "family": model.family,
            "inputs": list(model.inputs),
            "regions": list(model.regions),
            "profiles": {
                prefix: {source: list(reached) for source, reached in CATALOG.routings[routing].items()}
                for prefix, routing in model.profiles.items()
            },
            "maxTokens": model.parameters["maxTokens"].max if "maxTokens" in model.parameters else None,
            "parameters": list(model.parameters),
            "exclusive": [list(pair) for pair in model.exclusive],
            "thinking": model.thinking and {"always": model.thinking.always, "fields": model.thinking.fields},
            "structuredOutput": model.structured_output,
            "forcedTool": model.forced_tool,
        }
        for model in CATALOG.models.values()
    }
    write_private(target, json.dumps(rows, indent=1) + "\n")
