"""Saves AWS's answers: Bedrock's with the shell's credentials, the public price lists without."""

import json
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from http.client import HTTPException
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from dev.tools.catalog.answers import InvalidAnswer
from dev.tools.catalog.price_lists import OFFERS
from dev.tools.findings import CALL_ERRORS, one_line
from stacks.geography import REGIONS

PRICE_LISTS = "https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws"
# A region that the account has not enabled may not even refuse.
_CONFIG = Config(connect_timeout=5, read_timeout=30, retries={"max_attempts": 3, "mode": "standard"})
_TIMEOUT_SECONDS = 60

Answer = dict[str, Any]


def fetch(
    folder: Path,
    today: date,
    session: Any = None,
    price_lists: str = PRICE_LISTS,
    regions: tuple[str, ...] = tuple(REGIONS),
) -> list[str]:
    """Saves every answer that AWS gives, and returns why others are missing. Raises `InvalidAnswer`.

    The folder must not have answers yet: old ones of a region that refuses today would pass for today's.
    """
    if any(folder.glob("*.json")):
        raise InvalidAnswer(f"{folder} has JSON files already: --fetch needs a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        session = session or boto3.Session()
    except CALL_ERRORS as error:
        raise InvalidAnswer(one_line(error)) from error
    calls: dict[str, Callable[[], Answer]] = {}
    for region in regions:
        # Clients are created here since a session is not safe to share between threads.
        try:
            client = session.client("bedrock", region_name=region, config=_CONFIG)
        except CALL_ERRORS as error:
            calls[f"bedrock-{region}"] = _refusal(error)
            continue
        calls[f"models-{region}"] = _models(client, region)
        calls[f"profiles-{region}"] = _profiles(client, region)
    for offer in OFFERS:
        for region in regions:
            calls[f"prices-{offer}-{region}"] = _price_list(f"{price_lists}/{offer}/current/{region}/index.json")

    def save(name: str) -> str:
        try:
            answer = calls[name]()
        except (*CALL_ERRORS, HTTPException) as error:
            return one_line(error)
        _write(folder / f"{name}.json", {"fetched": today.isoformat(), **answer})
        return ""

    missing: dict[str, list[str]] = {}
    with ThreadPoolExecutor(8) as pool:
        for name, reason in zip(calls, pool.map(save, calls), strict=True):
            if reason:
                missing.setdefault(reason, []).append(name)
    return [f"not fetched: {', '.join(names)}: {reason}" for reason, names in missing.items()]


def _models(client: Any, region: str) -> Callable[[], Answer]:
    return lambda: {"region": region, "modelSummaries": _member(client.list_foundation_models(), "modelSummaries")}


def _profiles(client: Any, region: str) -> Callable[[], Answer]:
    name = "inferenceProfileSummaries"

    def call() -> Answer:
        pages = client.get_paginator("list_inference_profiles").paginate(typeEquals="SYSTEM_DEFINED")
        return {"region": region, name: [profile for page in pages for profile in _member(page, name)]}

    return call


def _member(response: Answer, name: str) -> Any:
    """botocore returns an empty response for a body that broke off: it must not pass for an empty list."""
    if name not in response:
        raise ValueError(f"the response has no {name}")
    return response[name]


def _price_list(url: str) -> Callable[[], Answer]:
    def call() -> Answer:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310 (a constant URL)
            content = json.load(response)
        if not isinstance(content, dict):
            raise ValueError("not a price list")
        return content

    return call


def _refusal(error: Exception) -> Callable[[], Answer]:
    def call() -> Answer:
        raise error

    return call


def _write(path: Path, content: Answer) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(content, default=lambda moment: moment.isoformat()), "utf-8")
    temporary.replace(path)
