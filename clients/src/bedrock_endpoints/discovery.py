"""Finds a deployed stage: the URL of each use case's API, and how requests to it are authenticated."""

import json
import os
import shlex
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from bedrock_endpoints.auth import Bearer, SigV4, gateway_region
from bedrock_endpoints.errors import ConfigurationError, NotDeployed

STAGE_VARIABLE = "BEDROCK_ENDPOINTS_STAGE"
TOKEN_VARIABLE = "BEDROCK_ENDPOINTS_TOKEN"  # noqa: S105 (a name)
Token = str | Callable[[], str]


@dataclass(frozen=True)
class Stage:
    """A stage's APIs. `lookup` returns a use case's URL and raises `ConfigurationError` (or `NotDeployed`)."""

    name: str | None
    lookup: Callable[[str], str]
    auth: httpx.Auth
    default_region: str | None = None
    ssl_context: ssl.SSLContext = field(default_factory=httpx.create_ssl_context)
    trust_env: bool = True
    """Whether proxy variables apply."""
    _urls: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    def url(self, use_case: str) -> str:
        """The use case's base URL without a trailing slash, looked up when it is first needed."""
        if use_case not in self._urls:
            url = self.lookup(use_case).rstrip("/")
            _require_https(url)
            self._urls[use_case] = url
        return self._urls[use_case]

    def region(self, use_case: str) -> str | None:
        """The region of the use case's API."""
        return gateway_region(self.url(use_case)) or self.default_region


def find_stage(
    name: str | None = None,
    *,
    base_urls: Mapping[str, str] | None = None,
    token: Token | None = None,
    region: str | None = None,
    profile: str | None = None,
) -> Stage:
    """A stage with the caller's own credentials, found as AWS's tools find them, or with a token or an API key.

    URLs come from `base_urls` (by use case), else from `name`: `local` from `.local/outputs.json` in the working folder
    or above, any other from the SSM parameters `/bedrock-endpoints/<name>/<use-case>/url`, or with a token `token-url`
    if there is one. The name defaults to `BEDROCK_ENDPOINTS_STAGE`, the token to `BEDROCK_ENDPOINTS_TOKEN`. Raises
    `ConfigurationError`.
    """
    name = name or os.environ.get(STAGE_VARIABLE)
    token = token or os.environ.get(TOKEN_VARIABLE)
    try:
        session = Session(profile=profile)
        default_region = region or os.environ.get("AWS_REGION") or session.get_config_variable("region")
        return Stage(
            name=name,
            lookup=_find_lookup(name, base_urls, session, default_region, tokens=bool(token)),
            auth=Bearer(token)
            if token
            else SigV4(session.get_credentials, region=region, default_region=default_region),
            default_region=default_region,
            ssl_context=_ssl_context(session),
        )
    except (BotoCoreError, ClientError) as error:
        raise ConfigurationError(f"The AWS configuration cannot be used: {error}") from error


def local_stage(folder: Path, *, caller: str | None = None, token: Token | None = None) -> Stage:
    """The stage that `make local` runs, with the keys in its `folder` rather than the machine's AWS configuration.

    `caller` names one of the stage's callers. Raises `ConfigurationError`.
    """
    try:
        settings = parse_exports((folder / "env").read_text("utf-8"))
        keys = settings["AWS_ACCESS_KEY_ID"], settings["AWS_SECRET_ACCESS_KEY"]
        if caller is not None:
            callers = json.loads((folder / "callers.json").read_text("utf-8"))
            keys = callers[caller]["accessKeyId"], callers[caller]["secretAccessKey"]
    except (OSError, ValueError, KeyError) as error:
        raise ConfigurationError(f"The local stage is not running ({error!r}): start it with 'make local'.") from error
    credentials = Credentials(*keys)
    region = settings.get("AWS_REGION")
    return Stage(
        name="local",
        lookup=outputs_lookup(folder / "outputs.json", "local", tokens=bool(token)),
        auth=Bearer(token) if token else SigV4(lambda: credentials, region=region),
        default_region=region,
        ssl_context=ssl.create_default_context(cafile=settings.get("AWS_CA_BUNDLE")),
        # The local stage is never behind the machine's proxy.
        trust_env=False,
    )


def outputs_lookup(path: Path, stage: str, *, tokens: bool = False) -> Callable[[str], str]:
    """Looks URLs up in the stack outputs that the CDK CLI writes with `--outputs-file`.

    With `tokens`, those of the APIs for tokens and keys where the stage has them. Raises `ConfigurationError`.
    """
    try:
        outputs = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"The stack outputs cannot be read: {error}") from error

    def lookup(use_case: str) -> str:
        try:
            stack = outputs[f"bedrock-endpoints-{stage}-{use_case}"]
            return str(stack["TokenUrl"] if tokens and "TokenUrl" in stack else stack["Url"])
        except KeyError as error:
            raise NotDeployed(f"{path} has no {error}: is {use_case} deployed?") from error

    return lookup


def parse_exports(script: str) -> dict[str, str]:
    """The variables that the `export` lines of a shell script set to plain values."""
    exports = (line.removeprefix("export ") for line in script.splitlines() if line.startswith("export "))
    pairs = (shlex.split(export)[0].partition("=") for export in exports)
    return {name: value for name, _, value in pairs}


def _find_lookup(
    name: str | None, base_urls: Mapping[str, str] | None, session: Session, region: str | None, *, tokens: bool
) -> Callable[[str], str]:
    if base_urls is not None:
        return _base_url_lookup(base_urls)
    if name is None:
        raise ConfigurationError(f"The API's address is unknown: pass a stage or a base URL, or set {STAGE_VARIABLE}.")
    if name == "local":
        return outputs_lookup(_find_local_outputs(), name, tokens=tokens)
    return _parameter_lookup(name, session, region, tokens=tokens)


def _base_url_lookup(base_urls: Mapping[str, str]) -> Callable[[str], str]:
    def lookup(use_case: str) -> str:
        try:
            return base_urls[use_case]
        except KeyError as error:
            raise NotDeployed(f"There is no base URL for {use_case}.") from error

    return lookup


def _parameter_lookup(stage: str, session: Session, region: str | None, *, tokens: bool) -> Callable[[str], str]:
    def lookup(use_case: str) -> str:
        prefix = f"/bedrock-endpoints/{stage}/{use_case}/"
        return (optional(f"{prefix}token-url") if tokens else None) or required(f"{prefix}url")

    def required(name: str) -> str:
        value = parameter(name)
        if value is None:
            raise NotDeployed(f"There is no parameter {name}: is that stage deployed in {region}?")
        return value

    def optional(name: str) -> str | None:
        """None also where the credentials are for the other parameter only."""
        return parameter(name, denied_is_none=True)

    def parameter(name: str, *, denied_is_none: bool = False) -> str | None:
        try:
            client = session.create_client("ssm", region_name=region)
            matches = client.get_parameters(Names=[name])["Parameters"]
        except (BotoCoreError, ClientError) as error:
            # Any other failure must not send the token to the API that does not take it.
            if denied_is_none and isinstance(error, ClientError) and _is_denied(error):
                return None
            raise ConfigurationError(f"The parameter {name} cannot be read: {error}") from error
        return str(matches[0]["Value"]) if matches else None

    return lookup


def _is_denied(error: ClientError) -> bool:
    return bool(error.response["Error"]["Code"] == "AccessDeniedException")


def _find_local_outputs() -> Path:
    here = Path.cwd()
    for folder in (here, *here.parents):
        path = folder / ".local" / "outputs.json"
        if path.exists():
            return path
    raise ConfigurationError(f"There is no .local/outputs.json in {here} or above: start the stage with 'make local'.")


def _require_https(url: str) -> None:
    parts = httpx.URL(url)
    # Requests carry confidential text, and anyone can use a token sent in clear text.
    if parts.scheme != "https" and parts.host not in ("127.0.0.1", "localhost", "::1"):
        raise ConfigurationError(f"not an HTTPS address: {url}")


def _ssl_context(session: Session) -> ssl.SSLContext:
    bundle = session.get_config_variable("ca_bundle")
    try:
        return ssl.create_default_context(cafile=bundle) if bundle else httpx.create_ssl_context()
    except OSError as error:
        raise ConfigurationError(f"The CA bundle (AWS_CA_BUNDLE) cannot be read: {error}") from error
