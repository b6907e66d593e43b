"""`python -m dev.tools.curl USE_CASE`: prints curl calls for a stage's routes.

Calls contain no secrets, but refer to shell variables, which `source .local/env` sets for the local stage. Importing
this module needs the standard library only.
"""

import argparse
import json
import shlex
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

if TYPE_CHECKING:
    from lambda_src.registry import UseCase

SIGNED = ('--user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"',)
# The header of temporary keys, omitted without a token. bash and zsh both expand it to two arguments.
SESSION = '${AWS_SESSION_TOKEN:+-H} ${AWS_SESSION_TOKEN:+"X-Amz-Security-Token: $AWS_SESSION_TOKEN"}'
BEARER = '-H "Authorization: Bearer $ID_TOKEN"'


class Row(Protocol):
    """The attributes of a route that `curl` needs."""

    @property
    def method(self) -> str: ...

    @property
    def path(self) -> str: ...


def curl(
    route: Row,
    url: str,
    body: Any = None,
    *,
    path: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    region: str | None = None,
    bearer: bool = False,
) -> str:
    """A curl call on several lines for a POSIX shell.

    `url` is the API's base URL, `path` has the route's path parameters, and `body` is sent as JSON. Without `region`,
    the signature is for the shell's AWS_REGION. With `bearer`, $ID_TOKEN is sent instead of a signature.
    """
    parts = ["curl -sS", *([BEARER] if bearer else _signature(region))]
    if getattr(route, "stream", None):
        parts[0] += " -N"
    if route.method not in ("GET", "POST") or (route.method == "POST" and body is None):
        parts.append(f"-X {route.method}")
    all_headers = {**({} if body is None else {"Content-Type": "application/json"}), **(headers or {})}
    parts += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in all_headers.items()]
    if body is not None:
        parts.append(f"--data-raw {shlex.quote(json.dumps(body, ensure_ascii=False))}")
    parts.append(shlex.quote(_address(url, route.path, path or {}, query or {})))
    return " \\\n  ".join(parts)


def _signature(region: str | None) -> list[str]:
    scope = shlex.quote(f"aws:amz:{region}:execute-api") if region else '"aws:amz:$AWS_REGION:execute-api"'
    return [f"--aws-sigv4 {scope}", *SIGNED, SESSION]


def _address(url: str, path: str, parameters: Mapping[str, str], query: Mapping[str, str]) -> str:
    """The URL, percent-encoded and with a sorted query, because curl signs both unchanged."""
    for name, value in parameters.items():
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    pairs = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(query.items()))
    return url.rstrip("/") + path + (f"?{pairs}" if pairs else "")


def calls(
    use_case: "UseCase", url: str, region: str | None, *, only: str | None = None, bearer: bool = False
) -> Iterator[str]:
    """The calls of all routes, or of one ("POST /embeddings"), with their summaries. Raises `LookupError`."""
    from dev.tools.examples import VALUES
    from dev.tools.openapi import body_of

    chosen = [route for route in use_case.routes if only is None or f"{route.method} {route.path}" == only]
    if not chosen:
        names = ", ".join(f'"{route.method} {route.path}"' for route in use_case.routes)
        raise LookupError(f"{use_case.id} has no route {only!r}; it has {names}")
    for route in chosen:
        path = {name: str(VALUES["id"]) for name in route.path_parameters}
        note = " (replace the id with one of yours)" if path else ""
        command = curl(route, url, body_of(use_case, route), path=path, region=region, bearer=bearer)
        yield f"# {route.summary}{note}\n{command}"


def main(arguments: list[str] | None = None) -> int:
    from bedrock_endpoints.errors import ConfigurationError
    from dev.tools import stages
    from lambda_src.registry import USE_CASES, find
    from stacks.loading import ConfigError

    parser = argparse.ArgumentParser(
        prog="python -m dev.tools.curl", description="Prints curl calls for a stage's routes."
    )
    parser.add_argument(
        "use_case",
        choices=[use_case.id for use_case in USE_CASES],
        # Folders have underscores, URLs hyphens: both are accepted.
        type=lambda name: name.replace("_", "-"),
    )
    parser.add_argument("--stage", default="local")
    parser.add_argument("--route", help='one route, such as "POST /embeddings"; default: all')
    options = parser.parse_args(arguments)
    try:
        stage = stages.open_stage(options.stage)
        bearer = _bearer(options.stage)
        printed = list(
            calls(
                find(options.use_case),
                stage.url(options.use_case),
                stage.region(options.use_case),
                only=options.route or None,
                bearer=bearer,
            )
        )
    except (ConfigurationError, LookupError, ConfigError) as error:
        print(error, file=sys.stderr)
        return 1
    print("\n\n".join(printed))
    return 0


def _bearer(stage: str) -> bool:
    """Whether the stage's callers send a Cognito token."""
    from datetime import date

    from dev.local.paths import ROOT
    from dev.tools.doctor import read_context
    from dev.tools.stages import shell_region
    from stacks.loading import load_stage

    stages = read_context(ROOT).get("stages")
    return load_stage(stages, stage, today=date.today(), default_region=shell_region()).auth.type == "cognito"


if __name__ == "__main__":
    sys.exit(main())
