"""`python -m dev.tools.bruno`: a Bruno collection of every use case's routes, in docs/collections/bruno/.

Its files are text in Bruno's own language. The addresses and keys are variables of an environment, which takes them
from the process that Bruno runs in or from a `.env` file beside the collection.
"""

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from dev.tools.curl import Row
from dev.tools.examples import VALUES
from dev.tools.openapi import body_of, write
from lambda_src.registry import USE_CASES, UseCase
from lambda_src.shared.routes import Route

FOLDER = Path(__file__).parents[2] / "docs" / "collections" / "bruno"

_COLLECTION = """\
auth {
  mode: awsv4
}

auth:awsv4 {
  accessKeyId: {{accessKeyId}}
  secretAccessKey: {{secretAccessKey}}
  sessionToken: {{sessionToken}}
  service: execute-api
  region: {{region}}
}
"""


def files(use_cases: Sequence[UseCase]) -> dict[str, str]:
    """File name -> content, for the collection's folder."""
    settings = {"version": "1", "name": "bedrock-endpoints", "type": "collection", "ignore": [".git"]}
    contents = {
        "bruno.json": json.dumps(settings, indent=2) + "\n",
        "collection.bru": _COLLECTION,
        "environments/local.bru": _environment(use_cases, session_token=""),
        "environments/aws.bru": _environment(use_cases, session_token=_process("AWS_SESSION_TOKEN")),
    }
    for number, use_case in enumerate(use_cases, 1):
        contents[f"{use_case.id}/folder.bru"] = _block("meta", {"name": use_case.title, "seq": str(number)})
        for place, route in enumerate(use_case.routes, 1):
            contents[f"{use_case.id}/{file_name(route)}"] = request(use_case, route, place)
    return contents


def file_name(route: Route) -> str:
    """The operation's, in kebab case."""
    return f"{route.operation.replace('_', '-')}.bru"


def base_variable(use_case: UseCase) -> str:
    """The environment's variable for the API's address: `hrQaUrl`."""
    first, *rest = use_case.id.split("-")
    return first + "".join(part.capitalize() for part in rest) + "Url"


def request(use_case: UseCase, route: Route, place: int) -> str:
    """One request file. The key for repetitions and the query are there and switched off."""
    body = body_of(use_case, route)
    blocks = [
        _block("meta", {"name": f"{route.method} {route.path}", "type": "http", "seq": str(place)}),
        _block(
            route.method.lower(),
            {
                "url": _url(use_case, route),
                "body": "none" if body is None else "json",
                "auth": "inherit",
            },
        ),
    ]
    if route.query:
        # Bruno says nothing of what it is for; what it may be is in the OpenAPI document.
        names = [field.encode_name for field in msgspec.structs.fields(route.query)]
        blocks.append(_block("params:query", {f"~{name}": _query_value(name) for name in names}))
    if route.path_parameters:
        blocks.append(_block("params:path", {name: str(VALUES["id"]) for name in route.path_parameters}))
    if route.idempotent:
        blocks.append(_block("headers", {"~Idempotency-Key": "{{$randomUUID}}"}))
    if body is not None:
        blocks.append(_text("body:json", json.dumps(body, indent=2, ensure_ascii=False)))
    blocks.append(_text("docs", route.summary))
    return "\n".join(blocks)


def _url(use_case: UseCase, route: Row) -> str:
    """The variable ends with a slash; Bruno writes a path parameter as `:id`."""
    return f"{{{{{base_variable(use_case)}}}}}" + re.sub(r"\{(\w+)\}", r":\1", route.path).removeprefix("/")


def _query_value(name: str) -> str:
    return {"limit": "20", "aspectRatio": "2:3"}.get(name) or str(VALUES.get(name, name))


def _environment(use_cases: Sequence[UseCase], session_token: str) -> str:
    """An environment of its own without a token: Bruno would send the name of a variable that is not set."""
    variables = {
        "region": _process("AWS_REGION"),
        "accessKeyId": _process("AWS_ACCESS_KEY_ID"),
        "secretAccessKey": _process("AWS_SECRET_ACCESS_KEY"),
        "sessionToken": session_token,
        **{base_variable(one): _process(one.url_variable) for one in use_cases},
    }
    return _block("vars", variables)


def _process(variable: str) -> str:
    """What Bruno puts the process's variable in the place of."""
    return f"{{{{process.env.{variable}}}}}"


def _block(name: str, pairs: dict[str, str]) -> str:
    lines = "".join(f"  {key}: {value}".rstrip() + "\n" for key, value in pairs.items())
    return f"{name} {{\n{lines}}}\n"


def _text(name: str, text: str) -> str:
    lines = "".join(f"  {line}\n" for line in text.splitlines())
    return f"{name} {{\n{lines}}}\n"


def main() -> int:
    write(FOLDER, files(USE_CASES), print)
    return 0


if __name__ == "__main__":
    sys.exit(main())
