"""Data access policies grant permissions and never deny them."""

from typing import Any

import pytest

from dev.local.search import access

WRITER, OTHER = "arn:aws:iam::000000000000:role/writer", "arn:aws:iam::000000000000:role/other"
SESSION = "arn:aws:sts::000000000000:assumed-role/writer/i-1"


def _policy(*resources: str, permissions: tuple[str, ...] = ("aoss:ReadDocument",)) -> list[dict[str, Any]]:
    rule = {"ResourceType": "index", "Resource": list(resources), "Permission": list(permissions)}
    return [{"Rules": [rule], "Principal": [WRITER]}]


@pytest.mark.parametrize(
    ("pattern", "resource", "covered"),
    [
        ("index/docs/*", "index/docs/chunks", True),
        ("index/docs/chunks", "index/docs/chunks", True),
        ("index/docs/chunks", "index/docs/chunks2", False),
        ("index/docs/ch*", "index/docs/chunks", True),
        ("index/docs/ch*", "index/docs/*", False),
        ("index/docs/*", "index/docs/*", True),
        ("index/do*/*", "index/docs/a", True),
        ("index/docs.a/*", "index/docs-a/x", False),
        ("index/docs/[ab]", "index/docs/a", False),
    ],
)
def test_the_star_is_the_only_wildcard(pattern: str, resource: str, covered: bool) -> None:
    assert access.matches(pattern, resource) is covered


def test_only_the_listed_principal_permission_and_index_is_granted() -> None:
    policies = [_policy("index/docs/chunks")]
    assert access.allows(policies, {SESSION, WRITER}, "aoss:ReadDocument", "index/docs/chunks")
    assert not access.allows(policies, {OTHER}, "aoss:ReadDocument", "index/docs/chunks")
    assert not access.allows(policies, {WRITER}, "aoss:WriteDocument", "index/docs/chunks")
    assert not access.allows(policies, {WRITER}, "aoss:ReadDocument", "index/other/chunks")
    assert not access.allows([], {WRITER}, "aoss:ReadDocument", "index/docs/chunks")


def test_all_permissions_can_be_granted_at_once() -> None:
    policies = [_policy("index/docs/*", permissions=("aoss:*",))]
    assert access.allows(policies, {WRITER}, "aoss:DeleteIndex", "index/docs/chunks")


def test_a_collection_without_a_network_policy_is_not_accessible() -> None:
    opened = [{"Rules": [{"ResourceType": "collection", "Resource": ["collection/do*"]}], "AllowFromPublic": True}]
    dashboard = [{"Rules": [{"ResourceType": "dashboard", "Resource": ["collection/*"]}], "AllowFromPublic": True}]
    assert access.reachable([opened], "docs")
    assert not access.reachable([opened], "other")
    assert not access.reachable([dashboard], "docs")


def test_a_sessions_arn_contains_its_role() -> None:
    assert access.role_of(SESSION) == ("000000000000", "writer")
    assert access.role_of(WRITER) is None
