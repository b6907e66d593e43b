"""`python -m dev.tools.keys STAGE create|list|rotate|revoke ...`: manages a stage's API keys."""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from bedrock_endpoints import Client
from bedrock_endpoints.errors import ConfigurationError, EndpointError
from dev.tools.stages import open_stage

_ACCESS, _KEYS = "access", "/admin/keys"


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints JSON. Returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        # A repeated POST would make a second secret, so nothing is retried.
        with Client(open_stage(options.stage), max_retries=0) as client:
            result = options.run(client, options)
    except (ConfigurationError, EndpointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(json.dumps(result, indent=2, ensure_ascii=False))
    if isinstance(result, dict) and "key" in result:
        print("The key is shown this once: store it where secrets are kept.", file=sys.stderr)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dev.tools.keys", description="Manages a stage's API keys.")
    parser.add_argument("stage")
    commands = parser.add_subparsers(required=True)
    create = commands.add_parser("create", help="make a key")
    create.add_argument("--name", required=True, help="what the key is for")
    create.add_argument("--owner", required=True, help="whose data it is: keys of one owner share it")
    create.add_argument("--team")
    create.add_argument("--group", action="append", default=[], dest="groups", help="a group that settings name")
    create.add_argument("--use-case", action="append", dest="useCases", help="one that it may call; left out, all")
    create.add_argument("--model", action="append", dest="models", help="one that it may call; left out, all")
    create.add_argument("--days", type=int, default=90, dest="expiresInDays", help="until it ends (default 90)")
    create.set_defaults(run=_create)
    commands.add_parser("list", help="all keys, and those that ended in the last 90 days").set_defaults(run=_list)
    rotate = commands.add_parser("rotate", help="give a key a new secret")
    rotate.add_argument("id")
    rotate.add_argument("--overlap", type=int, default=3600, help="seconds that the old secret works; 0 after a leak")
    rotate.set_defaults(run=_rotate)
    revoke = commands.add_parser("revoke", help="end a key")
    revoke.add_argument("id")
    revoke.set_defaults(run=_revoke)
    return parser


def _create(client: Client, options: argparse.Namespace) -> Any:
    names = ("name", "owner", "team", "groups", "useCases", "models", "expiresInDays")
    body = {name: value for name in names if (value := getattr(options, name)) is not None}
    return client.request(_ACCESS, "POST", _KEYS, body)


def _list(client: Client, _options: argparse.Namespace) -> Any:
    return [key for page in client.pages(_ACCESS, _KEYS) for key in page["items"]]


def _rotate(client: Client, options: argparse.Namespace) -> Any:
    return client.request(_ACCESS, "POST", f"{_KEYS}/{options.id}/rotations", {"overlapSeconds": options.overlap})


def _revoke(client: Client, options: argparse.Namespace) -> Any:
    client.request(_ACCESS, "DELETE", f"{_KEYS}/{options.id}")
    return {"revoked": options.id}


if __name__ == "__main__":
    sys.exit(main())
