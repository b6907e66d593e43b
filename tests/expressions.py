"""Evaluates the part of DynamoDB's condition and update expressions that the code uses."""

import re
from typing import Any

Item = dict[str, Any]
_CALL = re.compile(r"(attribute_exists|attribute_not_exists)\(([#\w]+)\)$")
_COMPARISON = re.compile(r"([#\w]+) (=|<>|<=|<) (:\w+)$")
# A function's parenthesis follows its name.
_GROUP = re.compile(r"(?<!\w)\(((?:[^()]|\([#\w]+\))*)\)")
_CLAUSE = re.compile(r"(?:^| )(SET|ADD|REMOVE) ")


def holds(condition: str, item: Item | None, request: dict[str, Any]) -> bool:
    """Whether an item (None: it does not exist) meets a condition: terms and groups in parentheses, joined by AND or by
    OR, but not by both."""
    plain = _GROUP.sub("()", condition)
    assert not (" AND " in plain and " OR " in plain), f"the fake does not implement precedence: {condition}"
    joined = any if " OR " in plain else all
    groups = _GROUP.findall(condition)
    return joined(
        [
            holds(groups.pop(0), item, request) if term == "()" else _term(term, item or {}, request)
            for term in re.split(r" AND | OR ", plain)
        ]
    )


def _term(term: str, item: Item, request: dict[str, Any]) -> bool:
    if call := _CALL.match(term):
        return (_name(call[2], request) in item) == (call[1] == "attribute_exists")
    comparison = _COMPARISON.match(term)
    assert comparison, f"the fake does not implement the condition {term}"
    attribute = item.get(_name(comparison[1], request))
    value = request["ExpressionAttributeValues"][comparison[3]]
    if comparison[2] in ("<", "<="):
        # In DynamoDB a comparison with a missing attribute is false.
        bound = int(value["N"]) + (comparison[2] == "<=")
        return attribute is not None and int(attribute["N"]) < bound
    return bool(attribute == value) == (comparison[2] == "=")


def update(item: Item, request: dict[str, Any]) -> None:
    """Applies `UpdateExpression` to an item: SET of values, also in maps, ADD of numbers, and REMOVE."""
    _, *parts = _CLAUSE.split(request["UpdateExpression"])
    clauses = dict(zip(parts[::2], parts[1::2], strict=True))
    for assignment in _listed(clauses, "SET"):
        path, value = assignment.split(" = ")
        *parents, last = [_name(part, request) for part in path.split(".")]
        target = item
        for parent in parents:
            target = target[parent]["M"]
        target[last] = request["ExpressionAttributeValues"][value]
    for addition in _listed(clauses, "ADD"):
        name, value = addition.split(" ")
        attribute = _name(name, request)
        number = int(request["ExpressionAttributeValues"][value]["N"])
        # An attribute that does not exist counts as 0.
        item[attribute] = {"N": str(int(item.get(attribute, {"N": "0"})["N"]) + number)}
    for name in _listed(clauses, "REMOVE"):
        item.pop(_name(name, request), None)
    _check_all_used(request)


def _listed(clauses: dict[str, str], keyword: str) -> list[str]:
    return clauses[keyword].split(", ") if keyword in clauses else []


def _name(name: str, request: dict[str, Any]) -> str:
    return request["ExpressionAttributeNames"][name] if name.startswith("#") else name


def _check_all_used(request: dict[str, Any]) -> None:
    """DynamoDB refuses names and values that no expression uses."""
    text = f"{request['UpdateExpression']} {request.get('ConditionExpression', '')}"
    for placeholder in (*request.get("ExpressionAttributeNames", {}), *request.get("ExpressionAttributeValues", {})):
        assert re.search(rf"{re.escape(placeholder)}\b", text), f"{placeholder} is not used"
