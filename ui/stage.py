"""The stage whose APIs the web UI calls, read once from the environment."""

import functools
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from bedrock_endpoints import Stage, find_stage, local_stage
from bedrock_endpoints.auth import Bearer
from bedrock_endpoints.discovery import Token, outputs_lookup
from bedrock_endpoints.errors import ConfigurationError, CredentialsError, NotDeployed
from ui import sign_in_settings
from ui.pages import use_cases

ROOT = Path(__file__).parents[1]


class StageMissing(Exception):
    """The stage is not deployed. `command` deploys it."""

    def __init__(self, stage: str, reason: str) -> None:
        super().__init__(reason)
        self.stage = stage
        self.command = deploy_command(stage)


def deploy_command(stage: str | None) -> str:
    return "make local" if stage == "local" else f"make deploy STAGE={stage}"


def read(environment: Mapping[str, str] | None = None) -> Stage:
    """The stage that `UI_STAGE` names. Raises `StageMissing`.

    `UI_STAGE_FOLDER` is the folder of its files, by default `.local`; `UI_BEARER_TOKEN` a Cognito token. Where users
    call with their own tokens, the stage itself has no credentials: `for_token` adds them.
    """
    variables = os.environ if environment is None else environment
    name = variables.get("UI_STAGE", "local")
    folder = Path(variables.get("UI_STAGE_FOLDER", ROOT / ".local"))
    own_tokens = bool(sign_in_settings.api_token(variables))
    token: Token | None = _no_identity if own_tokens else variables.get("UI_BEARER_TOKEN") or None
    try:
        return local_stage(folder, token=token) if name == "local" else _aws_stage(name, folder, token)
    except ConfigurationError as error:
        raise StageMissing(name, str(error)) from error


def is_local(stage: Stage) -> bool:
    return stage.name == "local"


def for_token(token: Callable[[], str]) -> Stage:
    """The stage of this process for a user's own token. Addresses are looked up once for all users."""
    shared = current()
    return replace(shared, lookup=shared.url, auth=Bearer(token))


def _no_identity() -> str:
    raise CredentialsError("users call with their own tokens")


def _aws_stage(name: str, folder: Path, token: Token | None) -> Stage:
    stage = find_stage(name, token=token)
    outputs = folder / f"outputs-{name}.json"
    if outputs.exists():
        # A user's token must go to the API for tokens.
        stage = replace(stage, lookup=outputs_lookup(outputs, name, tokens=callable(token)))
    if not any(is_deployed(stage, use_case) for use_case in use_cases()):
        raise StageMissing(name, f"neither {outputs.name} nor SSM parameters name its APIs")
    return stage


def is_deployed(stage: Stage, use_case: str) -> bool:
    """Whether the stage has the use case. Raises `ConfigurationError`."""
    try:
        stage.url(use_case)
    except NotDeployed:
        return False
    return True


@functools.lru_cache(maxsize=1)
def current() -> Stage:
    """The stage of this process. While it is missing, every call looks it up again."""
    return read()
