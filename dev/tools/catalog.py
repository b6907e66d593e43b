"""`python -m dev.tools.catalog FILE`: shows differences between the model catalog and Bedrock as a diff.

FILE is the output of `aws bedrock list-foundation-models --output json`, or a list of `get-foundation-model` outputs.
The exit code is 0 without differences, 1 with differences, and 2 if FILE is invalid. Nothing is changed.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from lambda_src.shared.catalog import Lifecycle, Purpose
from lambda_src.shared.lifecycle import BedrockLifecycle, merge_lifecycle, parse_lifecycle
from stacks.model_catalog import CATALOG, Row

_MODALITIES: Mapping[Purpose, str] = {"text": "TEXT", "rerank": "TEXT", "embedding": "EMBEDDING", "image": "IMAGE"}
# A variant for provisioned throughput, such as `amazon.nova-lite-v1:0:24k`.
_VARIANT = re.compile(r":\d+:\w+$")
# A family: the provider and the name up to its first digit or dash, such as `anthropic.claude`.
_FAMILY = re.compile(r"[^.]+\.[a-z]+")


class InvalidFile(Exception):
    """FILE has no valid output of Bedrock."""


@dataclass(frozen=True)
class Listed:
    """A model in Bedrock's output. `region` is the region in the model's ARN."""

    id: str
    region: str
    name: str
    outputs: frozenset[str]
    inference_types: frozenset[str]
    life: BedrockLifecycle


@dataclass(frozen=True)
class Listing:
    """Bedrock's output; `complete` if it lists all models of the region."""

    models: tuple[Listed, ...]
    complete: bool

    @property
    def regions(self) -> list[str]:
        """The regions of the models."""
        return sorted({model.region for model in self.models})


def read_listing(path: Path) -> Listing:
    """Parses the file. Raises `InvalidFile`."""
    try:
        content = json.loads(path.read_text("utf-8"))
        complete = isinstance(content, dict) and "modelSummaries" in content
        models = tuple(_listed(model) for model in _entries(content))
    except OSError as error:
        raise InvalidFile(str(error)) from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise InvalidFile(f"{path} is not an output of Bedrock: {error!r}") from error
    if not models:
        raise InvalidFile(f"{path} has no models")
    return Listing(models, complete)


def differences(listing: Listing, rows: Sequence[Row], today: date) -> Iterator[str]:
    """Yields a hunk for each outdated row, each row that Bedrock no longer lists, and each model without a row."""
    by_id = {listed.id: listed for listed in listing.models}
    for row in rows:
        listed = by_id.get(row.id)
        if listed is None:
            if listing.complete and row.lifecycle.status != "ended" and _expected(row, listing.regions):
                yield f"@@ {row.id}: not listed in {', '.join(listing.regions)} @@\n-{_source(row.lifecycle)}"
        elif (new := merge_lifecycle(row.lifecycle, listed.life, today)) != row.lifecycle:
            yield f"@@ {row.id} @@\n-{_source(row.lifecycle)}\n+{_source(new)}"
    for listed in _without_row(listing.models, rows):
        life = _source(merge_lifecycle(Lifecycle("active"), listed.life, today))
        yield f'@@ {listed.id}: no row @@\n+id="{listed.id}",\n+name="{listed.name}",\n+{life}'


def report(hunks: Iterable[str], regions: Sequence[str]) -> int:
    """Prints the diff. Returns the exit code: 1 if there are differences."""
    changes = list(hunks)
    if changes:
        print(f"--- lambda_src/shared/catalog.py\n+++ Bedrock, {', '.join(regions)}")
    for hunk in changes:
        print(hunk)
    return 1 if changes else 0


def main(arguments: Sequence[str] | None = None, today: date | None = None) -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m dev.tools.catalog",
        description="Compares the model catalog with a saved output of Bedrock.",
    )
    parser.add_argument("file", type=Path, help="the JSON of `aws bedrock list-foundation-models`")
    try:
        listing = read_listing(parser.parse_args(arguments).file)
    except InvalidFile as error:
        print(error, file=sys.stderr)
        return 2
    return report(differences(listing, tuple(CATALOG.models.values()), today or date.today()), listing.regions)


def _entries(content: Any) -> list[Any]:
    if isinstance(content, dict):
        return content["modelSummaries"] if "modelSummaries" in content else [content["modelDetails"]]
    return [entry.get("modelDetails", entry) for entry in content]


def _listed(model: Mapping[str, Any]) -> Listed:
    return Listed(
        id=model["modelId"],
        region=model["modelArn"].split(":")[3],
        name=model.get("modelName", ""),
        outputs=frozenset(model.get("outputModalities", ())),
        inference_types=frozenset(model.get("inferenceTypesSupported", ())),
        life=parse_lifecycle(model["modelLifecycle"]),
    )


def _expected(row: Row, regions: Sequence[str]) -> bool:
    """Whether the model is in one of the regions, according to the row."""
    routed = (region for routing in row.profiles.values() for region in CATALOG.routings[routing])
    served = {*row.regions, *routed}
    return not served.isdisjoint(regions)


def _without_row(models: Iterable[Listed], rows: Sequence[Row]) -> Iterator[Listed]:
    """Active on-demand models of the catalog's families and purposes."""
    known = {row.id for row in rows}
    families: dict[str, set[str]] = {}
    for row in rows:
        families.setdefault(_family(row.id), set()).add(_MODALITIES[row.purpose])
    for model in models:
        if model.id in known or _VARIANT.search(model.id) or model.life.status != "ACTIVE":
            continue
        if model.inference_types == {"PROVISIONED"} or not model.outputs <= families.get(_family(model.id), set()):
            continue
        if _family(model.id) in families:
            yield model


def _family(model_id: str) -> str:
    match = _FAMILY.match(model_id)
    return match[0] if match else model_id


def _source(life: Lifecycle) -> str:
    """The life cycle as in the catalog's source."""
    days = (("legacy_at", life.legacy_at), ("end_of_life_at", life.end_of_life_at))
    named = "".join(f', {name}="{day}"' for name, day in days if day)
    return f'lifecycle=Lifecycle("{life.status}"{named}),'


if __name__ == "__main__":
    sys.exit(main())
