"""Data access and network policies of OpenSearch Serverless, evaluated. Nothing here knows the emulator."""

import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Any

Policy = list[dict[str, Any]]


@lru_cache(maxsize=256)
def _pattern(text: str) -> re.Pattern[str]:
    # `*` is the only wildcard.
    return re.compile(".*".join(re.escape(part) for part in text.split("*")))


def matches(pattern: str, resource: str) -> bool:
    """Whether a rule's resource, such as `index/docs/*`, covers one that a request names."""
    return _pattern(pattern).fullmatch(resource) is not None


def allows(policies: Iterable[Policy], principals: Collection[str], permission: str, resource: str) -> bool:
    """
    Whether a data access policy grants a permission. There is no deny: what is not granted is refused.

    :param principals: every ARN that the caller goes by: its own, and its role's if it is a session of one.
    :param resource: `index/COLLECTION/INDEX`. A request for several indices by wildcard names the wildcard itself, so
        that only a rule which is as wide covers it.
    """
    return any(
        _grants(rule, permission, resource)
        for policy in policies
        for statement in policy
        if not principals_of(statement).isdisjoint(principals)
        for rule in statement.get("Rules", [])
    )


def principals_of(statement: dict[str, Any]) -> set[str]:
    """The principals that a statement names."""
    return set(statement.get("Principal", []))


def _grants(rule: dict[str, Any], permission: str, resource: str) -> bool:
    granted = rule.get("Permission", [])
    return (permission in granted or "aoss:*" in granted) and any(
        matches(pattern, resource) for pattern in rule.get("Resource", [])
    )


def reachable(policies: Iterable[Policy], collection: str) -> bool:
    """Whether a network policy opens the collection: without one nobody gets in, from wherever."""
    return any(
        rule.get("ResourceType") == "collection"
        and any(matches(pattern, f"collection/{collection}") for pattern in rule.get("Resource", []))
        for policy in policies
        for statement in policy
        for rule in statement.get("Rules", [])
    )


def role_of(session: str) -> tuple[str, str] | None:
    """Account and role name of an assumed role's session ARN; None for any other ARN."""
    found = re.fullmatch(r"arn:[^:]+:sts::(\d{12}):assumed-role/([^/]+)/.+", session)
    return (found[1], found[2]) if found else None
