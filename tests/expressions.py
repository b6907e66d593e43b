"""Evaluates the part of DynamoDB's condition and update expressions that the code uses."""

import re
from typing import Any

Item = dict[str, Any]
_CALL = re.compile(r"(attribute_exists|attribute_not_exists)\(([#\w]+)\)$")
_COMPARISON = re.compile(r"([#\w]+) (=|<>|<) (:\w+)$")


def holds(condition: str, item: Item | None, request: dict[str, Any]) -> bool:
    """Whether an item (None: it does not exist) meets a condition: terms joined by AND or by OR, but not by both."""
    assert not (" AND " in condition and " OR " in condition), f"the fake does not implement precedence: {condition}"
    joined = any if " OR " in condition else all
    return joined([_term(term, item or {}, request) for term in re.split(r" AND | OR ", condition)])


def _term(term: str, item: Item, request: dict[str, Any]) -> bool:
    if call := _CALL.match(term):
        return (_name(call[2], request) in item) == (call[1] == "attribute_exists")
    comparison = _COMPARISON.match(term)
    assert comparison, f"the fake does not implement the condition {term}"
    attribute = item.get(_name(comparison[1], request))
    value = request["ExpressionAttributeValues"][comparison[3]]
    if comparison[2] == "<":
        # In DynamoDB a comparison with a missing attribute is false.
        return attribute is not None and int(attribute["N"]) < int(value["N"])
    return (attribute == value) == (comparison[2] == "=")


def update(item: Item, request: dict[str, Any]) -> None:
    """Applies `UpdateExpression` to an item: SET of values, also in maps, and REMOVE; or ADD of numbers."""
    if request["UpdateExpression"].startswith("ADD "):
        _add(item, request)
        _check_all_used(request)
        return
    sets, _, removed = request["UpdateExpression"].removeprefix("SET ").partition(" REMOVE ")
    for assignment in sets.split(", "):
        path, value = assignment.split(" = ")
        *parents, last = [_name(part, request) for part in path.split(".")]
        target = item
        for parent in parents:
            target = target[parent]["M"]
        target[last] = request["ExpressionAttributeValues"][value]
    for name in filter(None, removed.split(", ")):
        item.pop(_name(name, request), None)
    _check_all_used(request)


def _add(item: Item, request: dict[str, Any]) -> None:
    """An attribute that does not exist counts as 0."""
    for addition in request["UpdateExpression"].removeprefix("ADD ").split(", "):
        name, value = addition.split(" ")
        attribute = _name(name, request)
        number = int(request["ExpressionAttributeValues"][value]["N"])
        item[attribute] = {"N": str(int(item.get(attribute, {"N": "0"})["N"]) + number)}


def _name(name: str, request: dict[str, Any]) -> str:
    return request["ExpressionAttributeNames"][name] if name.startswith("#") else name


def _check_all_used(request: dict[str, Any]) -> None:
    """DynamoDB refuses names and values that no expression uses."""
    text = f"{request['UpdateExpression']} {request.get('ConditionExpression', '')}"
    for placeholder in (*request.get("ExpressionAttributeNames", {}), *request.get("ExpressionAttributeValues", {})):
        assert re.search(rf"{re.escape(placeholder)}\b", text), f"{placeholder} is not used"
