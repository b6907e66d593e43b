"""`python -m dev.tools.catalogue FILE`: differences between the model catalogue and Bedrock, as a diff.

FILE has the answer of `aws bedrock list-foundation-models --output json`, or a list of `get-foundation-model` answers.
The exit code is 0 without a difference, 1 with some, 2 when FILE cannot be read. Nothing is changed.
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

from lambda_src.shared.catalogue import MODELS, Lifecycle, Model, Purpose
from lambda_src.shared.lifecycle import BedrockLifecycle, merge_lifecycle, parse_lifecycle

_MODALITIES: Mapping[Purpose, str] = {"text": "TEXT", "rerank": "TEXT", "embedding": "EMBEDDING", "image": "IMAGE"}
# Such as `amazon.nova-lite-v1:0:24k`: a model's variant for provisioned throughput.
_VARIANT = re.compile(r":\d+:\w+$")
# The provider, and the name up to its first digit or dash: `anthropic.claude`.
_KIN = re.compile(r"[^.]+\.[a-z]+")


class Unreadable(Exception):
    """FILE is not what Bedrock answers."""


@dataclass(frozen=True)
class Listed:
    """One model of the answer. `region` is the one that was asked, by the model's ARN."""

    id: str
    region: str
    name: str
    outputs: frozenset[str]
    ways: frozenset[str]
    life: BedrockLifecycle


@dataclass(frozen=True)
class Answer:
    """The models of the answer; `whole` when it lists all that Bedrock has in the region."""

    models: tuple[Listed, ...]
    whole: bool

    @property
    def regions(self) -> list[str]:
        """Those that were asked."""
        return sorted({model.region for model in self.models})


def read_answer(path: Path) -> Answer:
    """What was saved. Raises `Unreadable`."""
    try:
        content = json.loads(path.read_text("utf-8"))
        whole = isinstance(content, dict) and "modelSummaries" in content
        models = tuple(_listed(model) for model in _entries(content))
    except OSError as error:
        raise Unreadable(str(error)) from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise Unreadable(f"{path} is no answer of Bedrock's: {error!r}") from error
    if not models:
        raise Unreadable(f"{path} lists no model")
    return Answer(models, whole)


def differences(answer: Answer, rows: Sequence[Model], today: date) -> Iterator[str]:
    """A hunk for each row that Bedrock contradicts, for each that it has no more, and for each model without a row."""
    told_of = {listed.id: listed for listed in answer.models}
    for row in rows:
        listed = told_of.get(row.id)
        if listed is None:
            if answer.whole and row.lifecycle.status != "ended" and _expected(row, answer.regions):
                yield f"@@ {row.id}: not listed in {', '.join(answer.regions)} @@\n-{_source(row.lifecycle)}"
        elif (new := merge_lifecycle(row.lifecycle, listed.life, today)) != row.lifecycle:
            yield f"@@ {row.id} @@\n-{_source(row.lifecycle)}\n+{_source(new)}"
    for listed in _without_row(answer.models, rows):
        life = _source(merge_lifecycle(Lifecycle("active"), listed.life, today))
        yield f'@@ {listed.id}: no row @@\n+id="{listed.id}",\n+name="{listed.name}",\n+{life}'


def report(hunks: Iterable[str], regions: Sequence[str]) -> int:
    """Prints the diff. The exit code: 1 when there is one."""
    found = list(hunks)
    if found:
        print(f"--- lambda_src/shared/catalogue.py\n+++ Bedrock, {', '.join(regions)}")
    for hunk in found:
        print(hunk)
    return 1 if found else 0


def main(arguments: Sequence[str] | None = None, today: date | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m dev.tools.catalogue",
        description="Compares the model catalogue with a saved answer of Bedrock's.",
    )
    parser.add_argument("file", type=Path, help="the JSON of `aws bedrock list-foundation-models`")
    try:
        answer = read_answer(parser.parse_args(arguments).file)
    except Unreadable as error:
        print(error, file=sys.stderr)
        return 2
    return report(differences(answer, MODELS, today or date.today()), answer.regions)


def _entries(content: Any) -> list[Any]:
    if isinstance(content, dict):
        return content["modelSummaries"] if "modelSummaries" in content else [content["modelDetails"]]
    return [one.get("modelDetails", one) for one in content]


def _listed(model: Mapping[str, Any]) -> Listed:
    return Listed(
        id=model["modelId"],
        region=model["modelArn"].split(":")[3],
        name=model.get("modelName", ""),
        outputs=frozenset(model.get("outputModalities", ())),
        ways=frozenset(model.get("inferenceTypesSupported", ())),
        life=parse_lifecycle(model["modelLifecycle"]),
    )


def _expected(row: Model, regions: Sequence[str]) -> bool:
    """Whether the row says that the model is in one of the regions."""
    served = {*row.regions, *(region for regions in row.profiles.values() for region in regions)}
    return not served.isdisjoint(regions)


def _without_row(models: Iterable[Listed], rows: Sequence[Model]) -> Iterator[Listed]:
    """Active models of the families that the catalogue has, for the same purposes, that can be paid by the call."""
    known = {row.id for row in rows}
    families: dict[str, set[str]] = {}
    for row in rows:
        families.setdefault(_kin(row.id), set()).add(_MODALITIES[row.purpose])
    for model in models:
        if model.id in known or _VARIANT.search(model.id) or model.life.status != "ACTIVE":
            continue
        if model.ways == {"PROVISIONED"} or not model.outputs <= families.get(_kin(model.id), set()):
            continue
        if _kin(model.id) in families:
            yield model


def _kin(model_id: str) -> str:
    found = _KIN.match(model_id)
    return found[0] if found else model_id


def _source(life: Lifecycle) -> str:
    """As the row in the catalogue has it."""
    days = (("legacy_at", life.legacy_at), ("end_of_life_at", life.end_of_life_at))
    named = "".join(f', {name}="{day}"' for name, day in days if day)
    return f'lifecycle=Lifecycle("{life.status}"{named}),'


if __name__ == "__main__":
    sys.exit(main())
