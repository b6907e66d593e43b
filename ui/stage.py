"""Where a stage's APIs are and with what they are called: read once, from files or from SSM parameters."""

import functools
import json
import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.session
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError

ROOT = Path(__file__).parents[1]
USE_CASES = ("image-generation", "summarization", "embeddings", "hr-qa", "playground", "chatbot")
_HOST_REGION = re.compile(r"\.execute-api\.([a-z0-9-]+)\.")
_DEFAULT_REGION = "us-east-1"


class StageMissing(Exception):
    """The stage is not where it was looked for. `command` is what starts it."""

    def __init__(self, stage: str, reason: str) -> None:
        super().__init__(reason)
        self.stage = stage
        self.command = "make local" if stage == "local" else f"make deploy STAGE={stage}"


@dataclass(frozen=True)
class Stage:
    """A stage's APIs. `credentials` is botocore's, refreshed by it; `token` a Cognito token that goes instead."""

    name: str
    urls: Mapping[str, str]
    region: str
    credentials: Any = None
    token: str | None = None
    authority: str | None = None

    @property
    def local(self) -> bool:
        return self.name == "local"

    def has(self, use_case: str) -> bool:
        return use_case in self.urls


def read(environment: Mapping[str, str] | None = None) -> Stage:
    """The stage that `UI_STAGE` names. Raises `StageMissing`.

    `UI_STAGE_FOLDER` is where its files are, `.local` by default; `UI_BEARER_TOKEN` a Cognito token.
    """
    known = os.environ if environment is None else environment
    name = known.get("UI_STAGE", "local")
    folder = Path(known.get("UI_STAGE_FOLDER", ROOT / ".local"))
    token = known.get("UI_BEARER_TOKEN") or None
    return _local(folder, token) if name == "local" else _on_aws(name, folder, token)


def _local(folder: Path, token: str | None) -> Stage:
    try:
        urls = _urls("local", json.loads((folder / "outputs.json").read_text(encoding="utf-8")))
        settings = exports((folder / "env").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StageMissing("local", str(error)) from error
    credentials = Credentials(settings["AWS_ACCESS_KEY_ID"], settings["AWS_SECRET_ACCESS_KEY"])
    region = settings.get("AWS_REGION", _DEFAULT_REGION)
    return Stage("local", urls, region, credentials, token, settings.get("AWS_CA_BUNDLE"))


def _on_aws(name: str, folder: Path, token: str | None) -> Stage:
    session = botocore.session.get_session()
    region = session.get_config_variable("region")
    outputs = folder / f"outputs-{name}.json"
    if outputs.exists():
        urls = _urls(name, json.loads(outputs.read_text(encoding="utf-8")))
    else:
        urls = _parameters(session, name, region)
    if not urls:
        raise StageMissing(name, f"neither {outputs.name} nor SSM parameters name its APIs")
    found = next(filter(None, map(_HOST_REGION.search, urls.values())), None)
    credentials = None if token else session.get_credentials()
    return Stage(name, urls, found[1] if found else region or _DEFAULT_REGION, credentials, token)


def _urls(stage: str, outputs: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    stacks = {use_case: outputs.get(f"bedrock-endpoints-{stage}-{use_case}", {}) for use_case in USE_CASES}
    return {use_case: values["Url"].rstrip("/") + "/" for use_case, values in stacks.items() if "Url" in values}


def _parameters(session: Any, stage: str, region: str | None) -> dict[str, str]:
    names = {f"/bedrock-endpoints/{stage}/{use_case}/url": use_case for use_case in USE_CASES}
    try:
        client = session.create_client("ssm", region_name=region)
        found = client.get_parameters(Names=list(names))["Parameters"]
    except (BotoCoreError, ClientError) as error:
        raise StageMissing(stage, str(error)) from error
    return {names[one["Name"]]: one["Value"].rstrip("/") + "/" for one in found}


def exports(script: str) -> dict[str, str]:
    """What the `export` lines of a shell script set, as far as they are plain values."""
    lines = (line.removeprefix("export ") for line in script.splitlines() if line.startswith("export "))
    pairs = (shlex.split(line)[0].partition("=") for line in lines)
    return {name: value for name, _, value in pairs}


@functools.lru_cache(maxsize=1)
def current() -> Stage:
    """The stage of this process. A stage that is missing is looked for again the next time."""
    return read()
