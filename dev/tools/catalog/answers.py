"""Saved answers of AWS, recognized by their content.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListFoundationModels.html
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListInferenceProfiles.html
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from dev.tools.catalog.price_lists import OFFERS, Quotes, UnreadableOffer, read_offer
from lambda_src.shared.lifecycle import BedrockLifecycle, parse_lifecycle
from stacks.geography import REGIONS
from stacks.model_catalog import ANY_REGION

T = TypeVar("T")


class InvalidAnswer(Exception):
    """A file in the folder is no answer that the tool reads, or the folder has none."""


class _Model(msgspec.Struct, rename="camel"):
    model_arn: str
    model_id: str
    model_lifecycle: dict[str, Any]
    model_name: str = ""
    input_modalities: tuple[str, ...] = ()
    output_modalities: tuple[str, ...] = ()
    inference_types_supported: tuple[str, ...] = ()


class _ModelList(msgspec.Struct, rename="camel"):
    model_summaries: tuple[_Model, ...]


class _ModelDetails(msgspec.Struct, rename="camel"):
    model_details: _Model


class _ProfileModel(msgspec.Struct, rename="camel"):
    model_arn: str


class _Profile(msgspec.Struct, rename="camel"):
    inference_profile_arn: str
    inference_profile_id: str
    models: tuple[_ProfileModel, ...]
    status: str
    type: str


class _ProfileList(msgspec.Struct, rename="camel"):
    inference_profile_summaries: tuple[_Profile, ...]
    next_token: str | None = None


@dataclass(frozen=True)
class Listed:
    """A model as Bedrock lists it in one region."""

    id: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    inference_types: tuple[str, ...]
    life: BedrockLifecycle

    def has_ended(self, today: date) -> bool:
        """Whether the model cannot be called anymore. The end of an active one is only the earliest possible."""
        return self.life.status == "LEGACY" and self.life.ends_on is not None and self.life.ends_on <= today

    def is_on_demand(self, today: date) -> bool:
        """Whether the model's id can be called in the region."""
        return "ON_DEMAND" in self.inference_types and not self.has_ended(today)


@dataclass
class Answers:
    """What the files say, by region. `days`: the answers' kinds, with the earliest day that one was read on.

    `models`: from complete lists. `details`: from answers about single models, which say nothing about others.
    `profiles`: profile id -> destinations.
    """

    models: dict[str, dict[str, Listed]] = field(default_factory=dict)
    details: dict[str, dict[str, Listed]] = field(default_factory=dict)
    profiles: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)
    quotes: Quotes = field(default_factory=Quotes)
    days: dict[str, date] = field(default_factory=dict)
    _last_pages: dict[str, bool] = field(default_factory=dict)

    def states(self, model_id: str) -> dict[str, Listed]:
        """The model by region. A complete list counts more than an answer about a single model."""
        both = (self.details, self.models)
        return {region: listed[model_id] for source in both for region, listed in source.items() if model_id in listed}

    def add(self, path: Path, read: date | None) -> None:
        """Reads the file. `read` is the day of its answer; None if the file's metadata or time says it."""
        try:
            content = json.loads(path.read_bytes())
            day = read or _day(content, path)
            for kind in self._add(content):
                self.days[kind] = min(day, self.days.get(kind, day))
        except OSError as error:
            raise InvalidAnswer(str(error)) from error
        except (ValueError, InvalidAnswer, UnreadableOffer) as error:
            raise InvalidAnswer(f"{path}: {error}") from error

    def check(self) -> None:
        """Refuses lists of profiles without their last page: their other profiles would seem to be gone."""
        for region, complete in self._last_pages.items():
            if not complete:
                raise InvalidAnswer(f"ListInferenceProfiles in {region}: the last page is missing")

    def _add(self, content: Any) -> Iterator[str]:
        if isinstance(content, dict) and "modelSummaries" in content:
            yield "models"
            self._add_models(content)
        elif isinstance(content, dict) and "inferenceProfileSummaries" in content:
            yield "profiles"
            self._add_profiles(content)
        elif isinstance(content, dict) and content.get("offerCode") in OFFERS:
            yield "prices"
            read_offer(content, self.quotes)
        elif isinstance(content, dict | list) and content:
            yield "details"
            for entry in content if isinstance(content, list) else [content]:
                self._add_details(entry)
        else:
            raise InvalidAnswer("no answer of Bedrock, and no price list of it")

    def _add_models(self, content: dict[str, Any]) -> None:
        models = _convert(content, _ModelList).model_summaries
        region = _only_region(content, [model.model_arn for model in models])
        if region in self.models:
            raise InvalidAnswer(f"a second ListFoundationModels in {region}")
        self.models[region] = {model.model_id: _listed(model) for model in models}

    def _add_details(self, entry: Any) -> None:
        if not isinstance(entry, dict) or "modelDetails" not in entry:
            raise InvalidAnswer("no answer of Bedrock, and no price list of it")
        model = _convert(entry, _ModelDetails).model_details
        self.details.setdefault(_region(model.model_arn), {})[model.model_id] = _listed(model)

    def _add_profiles(self, content: dict[str, Any]) -> None:
        page = _convert(content, _ProfileList)
        arns = [profile.inference_profile_arn for profile in page.inference_profile_summaries]
        region = _only_region(content, arns)
        # The AWS CLI names the token of a list that `--max-items` cut `NextToken`.
        is_last = not (page.next_token or content.get("NextToken"))
        if is_last and self._last_pages.get(region):
            raise InvalidAnswer(f"a second ListInferenceProfiles in {region}")
        self._last_pages[region] = is_last or self._last_pages.get(region, False)
        profiles = self.profiles.setdefault(region, {})
        for profile in page.inference_profile_summaries:
            if profile.type == "SYSTEM_DEFINED" and profile.status == "ACTIVE":
                profiles[profile.inference_profile_id] = _destinations(profile)


def read_folder(folder: Path, read: date | None) -> Answers:
    """Reads the folder's JSON files. Raises `InvalidAnswer`."""
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise InvalidAnswer(f"{folder} has no JSON files")
    answers = Answers()
    for path in paths:
        answers.add(path, read)
    answers.check()
    return answers


def _day(content: Any, path: Path) -> date:
    if isinstance(content, dict) and "fetched" in content:
        return date.fromisoformat(str(content["fetched"]))
    return datetime.fromtimestamp(path.stat().st_mtime).date()


def _convert(content: Any, kind: type[T]) -> T:
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        raise InvalidAnswer(str(error)) from error


def _listed(model: _Model) -> Listed:
    try:
        life = parse_lifecycle(model.model_lifecycle)
    except ValueError as error:
        raise InvalidAnswer(f"{model.model_id}: modelLifecycle: {error}") from error
    return Listed(
        model.model_id,
        model.model_name,
        model.input_modalities,
        model.output_modalities,
        model.inference_types_supported,
        life,
    )


def _only_region(content: dict[str, Any], arns: list[str]) -> str:
    """The region of the list: that of its ARNs. An empty list has one only if it was saved by `--fetch`."""
    regions = {_region(arn) for arn in arns}
    if not regions and "region" not in content:
        raise InvalidAnswer("an empty list, so of an unknown region")
    regions = regions or {_known(str(content["region"]))}
    if len(regions) > 1:
        raise InvalidAnswer(f"answers of several regions: {', '.join(sorted(regions))}")
    return regions.pop()


def _destinations(profile: _Profile) -> tuple[str, ...]:
    """Global profiles list the source region and an ARN without a region, which stands for any."""
    model_id = profile.inference_profile_id.partition(".")[2]
    fields = [model.model_arn.split(":", 5) for model in profile.models]
    if not fields or any(len(parts) != 6 or parts[5] != f"foundation-model/{model_id}" for parts in fields):
        raise InvalidAnswer(f"{profile.inference_profile_id}: models: not the model {model_id}")
    regions = {parts[3] for parts in fields}
    return (ANY_REGION,) if "" in regions else tuple(sorted(map(_known, regions)))


def _region(arn: str) -> str:
    parts = arn.split(":")
    if len(parts) < 6:
        raise InvalidAnswer(f"not an ARN: {arn!r}")
    return _known(parts[3])


def _known(region: str) -> str:
    if region not in REGIONS:
        raise InvalidAnswer(f"region {region!r} is not in stacks/geography.py")
    return region
