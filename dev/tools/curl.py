"""`python -m dev.tools.curl USE_CASE`: ready curl calls for a stage's routes, and the function that writes one.

The call holds no secret: it names the shell's variables, which `source .local/env` sets for the local stage. This
module's head imports the standard library alone, for those who want the function only.
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
# The header of temporary keys, in words that are not there without one; bash and zsh alike make two arguments of it.
SESSION = '${AWS_SESSION_TOKEN:+-H} ${AWS_SESSION_TOKEN:+"X-Amz-Security-Token: $AWS_SESSION_TOKEN"}'
BEARER = '-H "Authorization: Bearer $ID_TOKEN"'


class Row(Protocol):
    """What is needed of a route."""

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
    """A curl call that a POSIX shell runs as it stands, over several lines.

    `url` is the API's base, `path` has the route's path parameters, `body` goes as JSON. Without `region` the shell's
    AWS_REGION is signed for; with `bearer` nothing is signed and $ID_TOKEN is sent.
    """
    parts = ["curl -sS", *([BEARER] if bearer else _signature(region))]
    if getattr(route, "stream", None):
        parts[0] += " -N"
    if route.method not in ("GET", "POST") or (route.method == "POST" and body is None):
        parts.append(f"-X {route.method}")
    sent = {**({} if body is None else {"Content-Type": "application/json"}), **(headers or {})}
    parts += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in sent.items()]
    if body is not None:
        parts.append(f"--data-raw {shlex.quote(json.dumps(body, ensure_ascii=False))}")
    parts.append(shlex.quote(_address(url, route.path, path or {}, query or {})))
    return " \\\n  ".join(parts)


def _signature(region: str | None) -> list[str]:
    scope = shlex.quote(f"aws:amz:{region}:execute-api") if region else '"aws:amz:$AWS_REGION:execute-api"'
    return [f"--aws-sigv4 {scope}", *SIGNED, SESSION]


def _address(url: str, path: str, parameters: Mapping[str, str], query: Mapping[str, str]) -> str:
    """Percent-encoded, the query sorted: curl signs both as they are given."""
    for name, value in parameters.items():
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    pairs = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(query.items()))
    return url.rstrip("/") + path + (f"?{pairs}" if pairs else "")


def calls(
    use_case: "UseCase", url: str, region: str | None, *, only: str | None = None, bearer: bool = False
) -> Iterator[str]:
    """The call of every route, or of one ("POST /embeddings"), each below what it does. Raises `LookupError`."""
    from dev.tools.examples import VALUES
    from dev.tools.openapi import body_of

    chosen = [one for one in use_case.routes if only is None or f"{one.method} {one.path}" == only]
    if not chosen:
        names = ", ".join(f'"{one.method} {one.path}"' for one in use_case.routes)
        raise LookupError(f"{use_case.id} has no route {only!r}; it has {names}")
    for route in chosen:
        path = {name: str(VALUES["id"]) for name in route.path_parameters}
        note = " (put one of your own ids in the place of this one)" if path else ""
        command = curl(route, url, body_of(use_case, route), path=path, region=region, bearer=bearer)
        yield f"# {route.summary}{note}\n{command}"


def main(arguments: list[str] | None = None) -> int:
    from bedrock_endpoints.errors import ConfigurationError
    from dev.tools import stages
    from lambda_src.registry import USE_CASES, find
    from stacks.loading import ConfigError

    parser = argparse.ArgumentParser(
        prog="python -m dev.tools.curl", description="Ready curl calls for a stage's routes."
    )
    parser.add_argument("use_case", choices=[use_case.id for use_case in USE_CASES])
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
    """Whether the stage's callers send a token of Cognito's."""
    from datetime import date

    from dev.local.paths import ROOT
    from dev.tools.doctor import read_context
    from stacks.loading import load_stage

    return load_stage(read_context(ROOT).get("stages"), stage, today=date.today()).auth.type == "cognito"


if __name__ == "__main__":
    sys.exit(main())
