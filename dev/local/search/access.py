"""Evaluates data access and network policies of OpenSearch Serverless, independent of the emulator."""

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
    """Whether a rule's resource pattern, such as `index/docs/*`, covers a request's resource."""
    return _pattern(pattern).fullmatch(resource) is not None


def allows(policies: Iterable[Policy], principals: Collection[str], permission: str, resource: str) -> bool:
    """
    Whether a data access policy grants a permission. Policies cannot deny; permissions not granted are denied.

    :param principals: all ARNs of the caller: the caller's and, for a session, the role's.
    :param resource: `index/COLLECTION/INDEX`. For a request with a wildcard, the resource has the wildcard, so that
        only an equally broad rule covers it.
    """
    return any(
        _grants(rule, permission, resource)
        for policy in policies
        for statement in policy
        if not principals_of(statement).isdisjoint(principals)
        for rule in statement.get("Rules", [])
    )


def principals_of(statement: dict[str, Any]) -> set[str]:
    """The statement's principals."""
    return set(statement.get("Principal", []))


def _grants(rule: dict[str, Any], permission: str, resource: str) -> bool:
    granted = rule.get("Permission", [])
    return (permission in granted or "aoss:*" in granted) and any(
        matches(pattern, resource) for pattern in rule.get("Resource", [])
    )


def reachable(policies: Iterable[Policy], collection: str) -> bool:
    """Whether a network policy allows access to the collection. Without one, all access is denied."""
    return any(
        rule.get("ResourceType") == "collection"
        and any(matches(pattern, f"collection/{collection}") for pattern in rule.get("Resource", []))
        for policy in policies
        for statement in policy
        for rule in statement.get("Rules", [])
    )


def role_of(session: str) -> tuple[str, str] | None:
    """Account and role name of an assumed role's session ARN; None for any other ARN."""
    match = re.fullmatch(r"arn:[^:]+:sts::(\d{12}):assumed-role/([^/]+)/.+", session)
    return (match[1], match[2]) if match else None
