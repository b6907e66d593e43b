"""What CloudFormation does to a stack's resources when its template changes, by their types' schemas.

The schemas come with cfn-lint. A resource is replaced when a create-only property changes, or when one refers to a
resource that is replaced. CloudFormation creates the new resource before it deletes the old one.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

Resources = Mapping[str, Mapping[str, Any]]
# Resources with data, or with an address that callers know.
PRECIOUS = {
    *("AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::Cognito::UserPool"),
    *("AWS::OpenSearchServerless::Collection", "AWS::OpenSearchServerless::Index"),
    *("AWS::ApiGateway::RestApi", "AWS::ECS::ExpressGatewayService"),
}
# A parent has only one of these, so the new one cannot be created next to the old one.
ONE_PER_PARENT = {"AWS::Cognito::UserPoolDomain": "UserPoolId"}
_REGION = "us-west-2"


def refusals(before: Resources, after: Resources) -> Iterator[tuple[str, str]]:
    """The type of each resource that the update cannot create next to the old one, and why: the update fails."""
    replaced = replaced_resources(before, after)
    for key in sorted(replaced):
        old, new = before[key], after[key]
        kind = old["Type"]
        if _identity(old) and _identity(old) == _identity(new) and not _references(_identity(new)) & replaced:
            yield kind, f"{key} is replaced, but its name {_identity(old)} is taken"
        if (
            kind in ONE_PER_PARENT
            and old["Properties"][ONE_PER_PARENT[kind]] == new["Properties"][ONE_PER_PARENT[kind]]
        ):
            yield kind, f"{key} is replaced, but its parent has one already"
    taken = {(old["Type"], repr(_identity(old))): key for key, old in before.items() if _identity(old)}
    for key in sorted(after.keys() - before.keys()):
        owner = taken.get((after[key]["Type"], repr(_identity(after[key]))))
        if owner and owner not in replaced:
            yield after[key]["Type"], f"{key} is created, but {owner} has its name"


def losses(before: Resources, after: Resources) -> Iterator[tuple[str, str]]:
    """The type of each resource that the update replaces or deletes with its data or address, and how."""
    for key in sorted(replaced_resources(before, after)):
        if before[key]["Type"] in PRECIOUS and before[key].get("UpdateReplacePolicy") != "Retain":
            yield before[key]["Type"], f"{key} is replaced"
    for key in sorted(before.keys() - after.keys()):
        if before[key]["Type"] in PRECIOUS and before[key].get("DeletionPolicy") != "Retain":
            yield before[key]["Type"], f"{key} is deleted"


def replaced_resources(before: Resources, after: Resources) -> set[str]:
    """The logical ids of resources that the update replaces."""
    common = [key for key in before.keys() & after.keys() if before[key]["Type"] == after[key]["Type"]]
    replaced = {key for key in common if _create_only(before[key]) != _create_only(after[key])}
    while True:
        more = {key for key in common if _references(_create_only(after[key])) & replaced} - replaced
        if not more:
            return replaced
        replaced |= more


def _create_only(resource: Mapping[str, Any]) -> list[Any]:
    paths, _ = _schema(resource["Type"])
    return [list(_values(resource, path)) for path in paths]


def _identity(resource: Mapping[str, Any]) -> list[Any]:
    """The values that make the resource unique: a name from the template, or a key; empty if AWS chooses it."""
    _, names = _schema(resource["Type"])
    values = [list(_values(resource, path)) for path in names]
    return values if all(values) else []


@cache
def _schema(resource_type: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The paths of create-only properties, and those that identify a resource."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(_REGION, resource_type).schema
    always = schema.get("createOnlyProperties") or []
    sometimes = schema.get("conditionalCreateOnlyProperties") or []
    read_only = schema.get("readOnlyProperties") or []
    identifier = schema["primaryIdentifier"]
    # Where AWS chooses the identifier, it may require a unique name nevertheless.
    names = [path for path in always if path.endswith("/Name")]
    return (*always, *sometimes), tuple(names if set(identifier) & set(read_only) else identifier)


def _values(node: Any, path: str) -> Iterator[Any]:
    """The values at a path such as `/properties/Rules/*/Name`."""
    nodes: list[Any] = [node]
    for part in path.replace("/properties/", "Properties/", 1).split("/"):
        if part == "*":
            nodes = [item for each in nodes if isinstance(each, list) for item in each]
        else:
            nodes = [each[part] for each in nodes if isinstance(each, Mapping) and part in each]
    yield from nodes


def _references(value: Any) -> set[str]:
    """The logical ids that an expression refers to."""
    if isinstance(value, Mapping):
        found = {str(value["Ref"])} if "Ref" in value else set()
        if "Fn::GetAtt" in value:
            found.add(str(value["Fn::GetAtt"][0]))
        return found.union(*map(_references, value.values()))
    if isinstance(value, Iterable) and not isinstance(value, str):
        return set().union(*map(_references, value))
    return set()
