"""What is served, and the permission it needs."""

import pytest

from dev.local.search import operations
from dev.local.search.operations import operation, refresh_policy


@pytest.mark.parametrize(
    ("method", "path", "permission", "index"),
    [
        ("PUT", "chunks", operations.CREATE, "chunks"),
        ("DELETE", "chunks", operations.DELETE, "chunks"),
        ("HEAD", "chunks", operations.DESCRIBE, "chunks"),
        ("GET", "chunks/_mapping", operations.DESCRIBE, "chunks"),
        ("PUT", "chunks/_mapping", operations.UPDATE, "chunks"),
        ("GET", "_cat/indices", operations.DESCRIBE, ""),
        ("POST", "_bulk", operations.WRITE, ""),
        ("POST", "chunks/_bulk", operations.WRITE, "chunks"),
        ("POST", "chunks/_doc", operations.WRITE, "chunks"),
        ("DELETE", "chunks/_doc/a", operations.WRITE, "chunks"),
        ("GET", "chunks/_doc/a", operations.READ, "chunks"),
        ("POST", "a,b/_search", operations.READ, "a,b"),
        ("POST", "_all/_search", operations.READ, "_all"),
        ("GET", "_msearch", operations.READ, ""),
        ("GET", "chunks/_count/", operations.READ, "chunks"),
    ],
)
def test_a_request_needs_the_documented_permission(method: str, path: str, permission: str, index: str) -> None:
    found = operation(method, path, {})
    assert found is not None
    assert (found.permission, found.index, found.custom_id) == (permission, index, False)


@pytest.mark.parametrize(("method", "path"), [("PUT", "chunks/_doc/mine"), ("POST", "chunks/_create/mine")])
def test_a_chosen_id_is_noticed(method: str, path: str) -> None:
    found = operation(method, path, {})
    assert found is not None
    assert found.custom_id


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("POST", "_refresh"),
        ("POST", "chunks/_refresh"),
        ("POST", "chunks/_delete_by_query"),
        ("POST", "chunks/_update_by_query"),
        ("POST", "chunks/_doc/mine"),
        ("POST", "_reindex"),
        ("GET", "_cluster/health"),
        ("DELETE", "_all"),
        ("DELETE", "chunk*"),
        ("DELETE", "chunks/_search"),
        ("PUT", "_settings"),
    ],
)
def test_everything_else_is_not_there(method: str, path: str) -> None:
    assert operation(method, path, {}) is None


def test_there_is_no_scrolling() -> None:
    assert operation("POST", "chunks/_search", {"scroll": ["1m"]}) is None


def test_a_refresh_is_only_let_through_when_it_asks_for_none() -> None:
    assert refresh_policy({}) is None
    assert refresh_policy({"refresh": ["false"]}) is None
    assert refresh_policy({"refresh": [""]}) == "true"
    assert refresh_policy({"refresh": ["wait_for"]}) == "wait_for"
