"""`python -m dev.tools.usage STAGE report|budgets|limit|restore ...`: what callers use, and their limits."""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from bedrock_endpoints import Client
from bedrock_endpoints.errors import ConfigurationError, EndpointError
from dev.tools.stages import open_stage

_USAGE, _OVERRIDES = "usage", "/admin/budget-overrides"


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints JSON, or the CSV file that was asked for. Returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        with Client(open_stage(options.stage)) as client:
            result = options.run(client, options)
    except (ConfigurationError, EndpointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if isinstance(result, str):
        sys.stdout.write(result)
    else:
        print(json.dumps(result, indent=2, ensure_ascii=False))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dev.tools.usage", description="Reports what callers use.")
    parser.add_argument("stage")
    commands = parser.add_subparsers(required=True)
    report = commands.add_parser("report", help="requests, tokens and estimated cost; by default of this month")
    report.add_argument("--own", action="store_true", help="your own use; left out, everyone's")
    report.add_argument("--from", help="first day, such as 2026-11-01")
    report.add_argument("--to", help="last day")
    report.add_argument("--by", dest="groupBy", help="day, caller, team, useCase, model: one or more, with commas")
    report.add_argument("--csv", action="store_const", const="csv", dest="format", help="a CSV file")
    for name in ("caller", "team", "use-case", "model"):
        report.add_argument(f"--{name}", dest="useCase" if name == "use-case" else name)
    report.set_defaults(run=_report)
    commands.add_parser("budgets", help="the stage's budgets, and the limits that replace theirs").set_defaults(
        run=_budgets
    )
    limit = commands.add_parser("limit", help="give a caller, a team or the stage another limit")
    limit.add_argument("limit", type=float)
    limit.add_argument("--per", required=True, choices=("caller", "team", "stage"))
    limit.add_argument("--of", required=True, choices=("requests", "tokens", "usd"))
    limit.add_argument("--every", required=True, choices=("minute", "day", "month"))
    limit.add_argument("--owner", help="the caller's id, as in the logs, or the team's name")
    limit.add_argument("--until", help="such as 2026-12-01T00:00:00Z; left out, until it is restored")
    limit.add_argument("--reason")
    limit.set_defaults(run=_limit)
    restore = commands.add_parser("restore", help="return to the limit in the stage's settings")
    restore.add_argument("id")
    restore.set_defaults(run=_restore)
    return parser


def _report(client: Client, options: argparse.Namespace) -> Any:
    names = ("from", "to", "groupBy", "format", "caller", "team", "useCase", "model")
    query = {name: value for name in names if (value := getattr(options, name)) is not None}
    return client.request(_USAGE, "GET", "/usage" if options.own else "/admin/usage", query=query)


def _budgets(client: Client, _options: argparse.Namespace) -> Any:
    return client.request(_USAGE, "GET", "/admin/budgets")


def _limit(client: Client, options: argparse.Namespace) -> Any:
    names = ("per", "of", "every", "owner", "limit", "until", "reason")
    body = {name: value for name in names if (value := getattr(options, name)) is not None}
    return client.request(_USAGE, "POST", _OVERRIDES, body)


def _restore(client: Client, options: argparse.Namespace) -> Any:
    client.request(_USAGE, "DELETE", f"{_OVERRIDES}/{options.id}")
    return {"restored": options.id}


if __name__ == "__main__":
    sys.exit(main())
