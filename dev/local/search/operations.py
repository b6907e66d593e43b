"""The operations of OpenSearch Serverless and the permissions they need."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

CREATE, UPDATE, DELETE = "aoss:CreateIndex", "aoss:UpdateIndex", "aoss:DeleteIndex"
DESCRIBE, READ, WRITE = "aoss:DescribeIndex", "aoss:ReadDocument", "aoss:WriteDocument"
EVERYTHING = "*"

# The documented list, without operations the stacks do not use (aliases, templates, pipelines, machine learning):
# https://docs.aws.amazon.com/opensearch-service/latest/developerguide/serverless-genref.html
# `custom` marks requests with a document id chosen by the caller.
_ROUTES: tuple[tuple[str, str, str], ...] = (
    ("PUT", "{name}", CREATE),
    ("DELETE", "{name}", DELETE),
    ("GET HEAD", "{index}", DESCRIBE),
    ("GET", "{index}/_mappings?", DESCRIBE),
    ("PUT POST", "{index}/_mappings?", UPDATE),
    ("GET", "{index}/_settings?", DESCRIBE),
    ("PUT", "{index}/_settings?", UPDATE),
    ("GET", "_cat/indices", DESCRIBE),
    ("GET", "_cat/indices/{index}", DESCRIBE),
    ("PUT POST", "_bulk", WRITE),
    ("PUT POST", "{index}/_bulk", WRITE),
    ("POST", "{index}/_doc", WRITE),
    ("PUT", "{index}/_doc/{custom}", WRITE),
    ("PUT POST", "{index}/_create/{custom}", WRITE),
    ("DELETE", "{index}/_doc/{id}", WRITE),
    ("POST", "{index}/_update/{id}", WRITE),
    ("GET HEAD", "{index}/_doc/{id}", READ),
    ("GET HEAD", "{index}/_source/{id}", READ),
    ("GET POST", "_search", READ),
    ("GET POST", "{index}/_search", READ),
    ("GET POST", "_msearch", READ),
    ("GET POST", "{index}/_msearch", READ),
    ("GET POST", "_mget", READ),
    ("GET POST", "{index}/_mget", READ),
    ("GET POST", "_count", READ),
    ("GET POST", "{index}/_count", READ),
    ("GET POST", "{index}/_explain/{id}", READ),
    ("GET POST", "{index}/_field_caps", READ),
    ("GET POST", "{index}/_validate/query", READ),
)
_PLACES = {
    "{index}": r"(?P<index>[^_/][^/]*|_all)",
    "{name}": r"(?P<index>[^_/*][^/,*]*)",
    "{id}": r"[^/]+",
    "{custom}": r"(?P<custom>[^/]+)",
}


def _compiled(route: str) -> re.Pattern[str]:
    for place, pattern in _PLACES.items():
        route = route.replace(place, pattern)
    return re.compile(route)


_COMPILED = tuple((frozenset(methods.split()), _compiled(route), permission) for methods, route, permission in _ROUTES)


@dataclass(frozen=True)
class Operation:
    """
    A supported request.

    :param index: the index expression in the path; empty if there is none.
    :param api: the API's path segment, such as `_bulk`; empty for the index itself.
    :param custom_id: whether the caller chooses the id of a new document.
    """

    permission: str
    index: str
    api: str
    custom_id: bool


def parse(method: str, path: str, query: Mapping[str, Sequence[str]]) -> Operation | None:
    """
    The operation of a request; None if the service does not support it.

    :param path: the decoded path relative to the collection's endpoint.
    """
    if "scroll" in query:
        return None
    relative_path = path.strip("/")
    for methods, pattern, permission in _COMPILED:
        match = pattern.fullmatch(relative_path) if method in methods else None
        if match:
            groups = match.groupdict()
            api = next((part for part in relative_path.split("/") if part.startswith("_") and part != "_all"), "")
            return Operation(permission, groups.get("index") or "", api, groups.get("custom") is not None)
    return None


def refresh_policy(query: Mapping[str, Sequence[str]]) -> str | None:
    """A write's refresh policy, which the service does not support."""
    relative_path = query.get("refresh")
    value = (relative_path[-1] or "true") if relative_path else "false"
    return None if value == "false" else value
