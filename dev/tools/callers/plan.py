"""Who gets the data of which ARN, as far as that is certain or the operator has decided it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

import msgspec

from dev.tools.callers.data import Holding
from dev.tools.callers.principals import Principal, Principals, Unresolved
from dev.tools.findings import Finding, fail, ok


class Decisions(msgspec.Struct, frozen=True):
    """The operator's: `mapped` gives an ARN's data to a caller, `roles` are shared by their sessions, and the current
    `users` are those that stored the data."""

    mapped: Mapping[str, str] = {}
    roles: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()


class Move(msgspec.Struct, frozen=True):
    """What an ARN holds, and the caller that gets it; None while that is open."""

    arn: str
    holdings: Mapping[str, list[Holding]]
    caller: str | None
    finding: Finding


def make_plan(stored: Mapping[str, list[Holding]], principals: Principals, decisions: Decisions) -> list[Move]:
    """One move for each ARN, sorted. `stored`: use case -> holdings."""
    by_arn: dict[str, dict[str, list[Holding]]] = {}
    for use_case, holdings in stored.items():
        for holding in holdings:
            by_arn.setdefault(holding.arn, {}).setdefault(use_case, []).append(holding)
    return [_move(arn, by_arn[arn], principals, decisions) for arn in sorted(by_arn)]


def merged(moves: Iterable[Move]) -> Iterator[Finding]:
    """The callers that get the data of several ARNs."""
    arns: dict[str, list[str]] = {}
    for move in moves:
        if move.caller:
            arns.setdefault(move.caller, []).append(move.arn)
    for caller, sources in arns.items():
        if len(sources) > 1:
            yield ok(caller, f"will share the data of {len(sources)}: {', '.join(sources)}")


def _move(arn: str, holdings: Mapping[str, list[Holding]], principals: Principals, decisions: Decisions) -> Move:
    def open_question(message: str, advice: str) -> Move:
        return Move(arn, holdings, None, fail(arn, f"{_summary(holdings)}; {message}", advice))

    give = f"give its data to a caller with --map {arn}=ID, or leave it"
    if mapped := decisions.mapped.get(arn):
        return Move(arn, holdings, mapped, ok(arn, f"{_summary(holdings)} -> {mapped}"))
    try:
        principal = principals.resolve(arn)
    except Unresolved as error:
        return open_question(str(error), give)
    oldest = min(holding.created for group in holdings.values() for holding in group)
    if principal.created and principal.created > oldest:
        message = f"{_day(principal.created)} is when {principal.id} was created, {_day(oldest)} when the data was"
        return open_question(f"another principal had this name: {message}", give)
    if question := _question(principal, decisions):
        return open_question(*question)
    return Move(arn, holdings, principal.id, ok(arn, f"{_summary(holdings)} -> {principal.id}"))


def _question(principal: Principal, decisions: Decisions) -> tuple[str, str] | None:
    """What the operator must decide: problem and advice."""
    if principal.role is not None and principal.role not in decisions.roles:
        message = f"every session of {principal.arn} ({principal.id}) will read and delete it"
        return message, f"agree with --share {principal.role}, or give it to a caller with --map"
    if principal.role is None and principal.created and principal.arn not in decisions.users:
        message = f"the current user of this name is {principal.id}, created {_day(principal.created)}"
        return message, f"if it is the one that stored the data: --same-user {principal.arn}"
    return None


def _summary(holdings: Mapping[str, list[Holding]]) -> str:
    counts = {use_case: Counter(holding.kind for holding in group) for use_case, group in holdings.items()}
    return "; ".join(
        f"{use_case}: " + ", ".join(f"{count} {kind.removesuffix('s')}" for kind, count in sorted(kinds.items()))
        for use_case, kinds in counts.items()
    )


def _day(moment: datetime) -> str:
    return moment.date().isoformat()
