"""Supported operations and their permissions."""

import pytest

from dev.local.search import operations
from dev.local.search.operations import parse, refresh_policy


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
    operation = parse(method, path, {})
    assert operation is not None
    assert (operation.permission, operation.index, operation.custom_id) == (permission, index, False)


@pytest.mark.parametrize(("method", "path"), [("PUT", "chunks/_doc/mine"), ("POST", "chunks/_create/mine")])
def test_a_custom_id_is_recognized(method: str, path: str) -> None:
    operation = parse(method, path, {})
    assert operation is not None
    assert operation.custom_id


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
def test_other_operations_are_not_supported(method: str, path: str) -> None:
    assert parse(method, path, {}) is None


def test_scrolling_is_not_supported() -> None:
    assert parse("POST", "chunks/_search", {"scroll": ["1m"]}) is None


def test_only_refresh_false_is_supported() -> None:
    assert refresh_policy({}) is None
    assert refresh_policy({"refresh": ["false"]}) is None
    assert refresh_policy({"refresh": [""]}) == "true"
    assert refresh_policy({"refresh": ["wait_for"]}) == "wait_for"
