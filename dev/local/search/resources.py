"""The CloudFormation types of OpenSearch Serverless, with the service's validation."""

import contextlib
import re
import uuid
from typing import Any
from urllib.parse import quote

from dev.local import seams
from dev.local.search import indices, operations
from dev.local.search.engine import Engine, EngineDown, EngineRefused
from dev.local.search.names import Names
from dev.local.search.service import NotFound, Record, Refused, Service

Props = dict[str, Any]
Created = tuple[str, dict[str, Any]]

_NAME = re.compile(r"[a-z][a-z0-9-]+")
_COLLECTION_NAME, _POLICY_NAME = 28, 32
_LIMITS = ("MinIndexingCapacityInOcu", "MaxIndexingCapacityInOcu", "MinSearchCapacityInOcu", "MaxSearchCapacityInOcu")


def check_name(name: Any, longest: int) -> str:
    """Raises `Refused` if invalid."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or not 3 <= len(name) <= longest:
        raise Refused(f"Name {name!r}: 3 to {longest} lowercase letters, digits, and hyphens, starting with a letter")
    return name


def check_description(props: Props) -> str:
    """Raises `Refused` if invalid."""
    text = str(props.get("Description") or "")
    if not text.isascii():
        raise Refused("Description: ASCII characters only")
    if len(text) > 1000:
        raise Refused("Description: at most 1000 characters")
    return text


def check_limits(props: Props) -> dict[str, int]:
    """Capacity limits in OpenSearch Compute Units: 0, 2, 4, 8, or a multiple of 16. Raises `Refused`."""
    limits = {}
    for name, value in (props.get("CapacityLimits") or {}).items():
        if name not in _LIMITS:
            raise Refused(f"CapacityLimits.{name} is unknown")
        number = float(value)
        if number not in (0, 2, 4, 8) and (number <= 0 or number % 16):
            raise Refused(f"CapacityLimits.{name}: {value} is not 0, 2, 4, 8, 16 or a multiple of 16")
        if number == 0 and name.startswith("Max"):
            raise Refused(f"CapacityLimits.{name}: a maximum of 0 is not allowed")
        limits[name] = int(number)
    for purpose in ("Indexing", "Search"):
        if limits.get(f"Min{purpose}CapacityInOcu", 0) > limits.get(f"Max{purpose}CapacityInOcu", 10**6):
            raise Refused(f"CapacityLimits: the minimum for {purpose} is higher than the maximum")
    return limits


class Policies:
    """`SecurityPolicy` and `AccessPolicy`. Ref returns the name."""

    def __init__(self, service: Service, policy_kind: str) -> None:
        self._service, self._kind = service, policy_kind

    @staticmethod
    def _data(props: Props) -> Record:
        return {
            "type": props.get("Type"),
            "name": check_name(props.get("Name"), _POLICY_NAME),
            "policy": props.get("Policy"),
            "description": check_description(props),
        }

    def create(self, _logical_id: str, props: Props, _stack: str) -> Created:
        data = self._data(props)
        self._service.call(f"Create{self._kind}Policy", data)
        return data["name"], {}

    def update(self, physical_id: str, old: Props, new: Props, stack: str) -> Created:
        if any(old.get(key) != new.get(key) for key in ("Name", "Type")):
            return self.create(physical_id, new, stack)
        data = self._data(new)
        version = self._service.policy(self._kind, data["type"], data["name"])["policyVersion"]
        self._service.call(f"Update{self._kind}Policy", {**data, "policyVersion": version})
        return physical_id, {}

    def delete(self, physical_id: str, props: Props) -> None:
        data = {"type": props.get("Type"), "name": physical_id}
        # CloudFormation repeats deletions: a missing resource is not an error, here and below.
        with contextlib.suppress(NotFound):
            self._service.call(f"Delete{self._kind}Policy", data)


class Groups:
    """`CollectionGroup`. Ref returns the id."""

    def __init__(self, service: Service) -> None:
        self._service = service

    @staticmethod
    def _checked(props: Props) -> Record:
        generation, replicas = props.get("Generation", "CLASSIC"), props.get("StandbyReplicas")
        if generation not in ("CLASSIC", "NEXTGEN"):
            raise Refused(f"Generation: {generation!r} is not CLASSIC or NEXTGEN")
        if replicas not in ("ENABLED", "DISABLED"):
            raise Refused(f"StandbyReplicas: {replicas!r} is not ENABLED or DISABLED")
        if generation == "NEXTGEN" and replicas != "ENABLED":
            raise Refused("StandbyReplicas must be ENABLED for a NEXTGEN collection group")
        return {
            "name": check_name(props.get("Name"), _POLICY_NAME),
            "generation": generation,
            "standbyReplicas": replicas,
            "capacityLimits": check_limits(props),
            "description": check_description(props),
        }

    def _attributes(self, group: Record) -> dict[str, Any]:
        region, account = self._service.where()
        return {"Id": group["id"], "Arn": f"arn:aws:aoss:{region}:{account}:collection-group/{group['id']}"}

    def create(self, _logical_id: str, props: Props, _stack: str) -> Created:
        group = self._checked(props)
        if group["name"] in self._service.groups:
            raise Refused(f"a collection group with name {group['name']} already exists")
        group["id"] = uuid.uuid4().hex[:20]
        self._service.groups[group["name"]] = group
        return group["id"], self._attributes(group)

    def update(self, physical_id: str, old: Props, new: Props, stack: str) -> Created:
        if any(old.get(key) != new.get(key) for key in ("Name", "StandbyReplicas", "Generation")):
            return self.create(physical_id, new, stack)
        group = {**self._checked(new), "id": physical_id}
        self._service.groups[group["name"]] = group
        return physical_id, self._attributes(group)

    def delete(self, physical_id: str, props: Props) -> None:
        name = str(props.get("Name"))
        if self._service.groups.get(name, {}).get("id") != physical_id:
            return
        if self._service.members(name):
            raise Refused(f"collection group {name} still has collections")
        del self._service.groups[name]


class Collections:
    """`Collection`. Ref returns the id."""

    def __init__(self, service: Service, engine: Engine) -> None:
        self._service, self._engine = service, engine

    def _attributes(self, identifier: str) -> dict[str, Any]:
        record = self._service.collection(identifier) or {}
        return {
            "Id": identifier,
            "Arn": record["arn"],
            "CollectionEndpoint": record["collectionEndpoint"],
            "DashboardEndpoint": record["dashboardEndpoint"],
            "KmsKeyArn": record["kmsKeyArn"],
        }

    def create(self, _logical_id: str, props: Props, _stack: str) -> Created:
        group = props.get("CollectionGroupName") or ""
        if group and group not in self._service.groups:
            raise Refused(f"collection group {group} is not found")
        data = {
            "name": check_name(props.get("Name"), _COLLECTION_NAME),
            "type": props.get("Type", "TIMESERIES"),
            "description": check_description(props),
            "standbyReplicas": props.get("StandbyReplicas", "ENABLED"),
            "deletionProtection": props.get("DeletionProtection", "DISABLED"),
            "tags": [{"key": tag["Key"], "value": tag["Value"]} for tag in props.get("Tags") or []],
        }
        identifier = self._service.call("CreateCollection", data)["createCollectionDetail"]["id"]
        # The emulator would wait for a container, and it does not support groups.
        record = self._service.collection(identifier) or {}
        record |= {"status": "ACTIVE", "_group": group}
        return identifier, self._attributes(identifier)

    def update(self, physical_id: str, old: Props, new: Props, stack: str) -> Created:
        kept = ("Description", "DeletionProtection", "Tags")
        if any(old.get(key) != new.get(key) for key in {*old, *new} if key not in kept):
            return self.create(physical_id, new, stack)
        changes = {"id": physical_id, "description": check_description(new)}
        changes["deletionProtection"] = new.get("DeletionProtection", "DISABLED")
        self._service.call("UpdateCollection", changes)
        return physical_id, self._attributes(physical_id)

    def delete(self, physical_id: str, _props: Props) -> None:
        with contextlib.suppress(NotFound):
            self._service.call("DeleteCollection", {"id": physical_id})
        self._engine.request("DELETE", "/" + quote(Names(physical_id).engine("*"), safe="*"))


class Indices:
    """`Index`, created in the engine with the permissions of CloudFormation's role."""

    def __init__(self, service: Service, engine: Engine, refresh: str) -> None:
        self._service, self._engine, self._refresh = service, engine, refresh

    def _require(self, permission: str, collection: Record, name: str) -> None:
        principals = self._service.deployer()
        if not self._service.is_allowed(principals, permission, collection, name):
            names = ", ".join(sorted(principals))
            raise Refused(
                f"{names} is not authorized: no data access policy grants {permission} on "
                f"index/{collection['name']}/{name}"
            )

    def _request(self, method: str, collection: Record, name: str, below: str = "", content: Any = None) -> Record:
        names = Names(collection["id"])
        try:
            return self._engine.request(method, f"/{quote(names.engine(name))}{below}", content)
        except EngineRefused as refusal:
            error = NotFound if refusal.status == 404 else Refused
            raise error(names.caller(str(refusal).encode()).decode()) from refusal
        except EngineDown as failure:
            raise Refused(f"the search engine does not respond: {failure}") from failure

    def _created(self, collection: Record, name: str) -> Created:
        self._require(operations.DESCRIBE, collection, name)
        settings = next(iter(self._request("GET", collection, name, "/_settings").values()))
        identifier = settings["settings"]["index"]["uuid"]
        return f"{name}|{collection['collectionEndpoint']}", {"Uuid": identifier}

    def create(self, _logical_id: str, props: Props, _stack: str) -> Created:
        collection, name = self._service.by_endpoint(str(props.get("CollectionEndpoint"))), str(props.get("IndexName"))
        if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,199}", name):
            raise Refused(f"IndexName {name!r}: lowercase letters, digits, hyphens, dots, and underscores")
        if collection["type"] != "VECTORSEARCH":
            raise Refused("an index with vectors needs a collection of type VECTORSEARCH")
        index = indices.from_template(props, nextgen=self._service.nextgen(collection))
        self._require(operations.CREATE, collection, name)
        self._request("PUT", collection, name, content=indices.for_engine(index, self._refresh))
        return self._created(collection, name)

    def update(self, physical_id: str, old: Props, new: Props, stack: str) -> Created:
        if any(old.get(key) != new.get(key) for key in ("CollectionEndpoint", "IndexName")):
            return self.create(physical_id, new, stack)
        collection, name = self._service.by_endpoint(str(new.get("CollectionEndpoint"))), str(new.get("IndexName"))
        index = indices.from_template(new, nextgen=self._service.nextgen(collection))
        self._require(operations.UPDATE, collection, name)
        # The engine allows few mapping changes other than new fields.
        self._request("PUT", collection, name, "/_mapping", indices.with_lucene(index["mappings"]))
        return self._created(collection, name)

    def delete(self, _physical_id: str, props: Props) -> None:
        try:
            collection, name = (
                self._service.by_endpoint(str(props.get("CollectionEndpoint"))),
                str(props.get("IndexName")),
            )
        except NotFound:
            return
        self._require(operations.DELETE, collection, name)
        with contextlib.suppress(NotFound):
            self._request("DELETE", collection, name)


def extend(service: Service, engine: Engine, refresh: str) -> None:
    """Registers the types. Called once, before the emulator serves."""
    handlers = seams.module("ministack.services.cloudformation.provisioners")._RESOURCE_HANDLERS
    types: dict[str, Any] = {
        "SecurityPolicy": Policies(service, "Security"),
        "AccessPolicy": Policies(service, "Access"),
        "CollectionGroup": Groups(service),
        "Collection": Collections(service, engine),
        "Index": Indices(service, engine, refresh),
    }
    for name, type_ in types.items():
        handlers[f"AWS::OpenSearchServerless::{name}"] = {
            "create": type_.create,
            "update": type_.update,
            "delete": type_.delete,
        }
    _off_the_event_loop()


def _off_the_event_loop() -> None:
    """Creates indices in a worker thread: the engine takes tenths of a second, and the event loop must not block."""
    stacks = seams.module("ministack.services.cloudformation.stacks")
    runs_on_worker_thread = stacks._runs_on_worker_thread

    def with_indices(resource_type: str) -> bool:
        types = ("AWS::OpenSearchServerless::Index", "AWS::OpenSearchServerless::Collection")
        return resource_type in types or bool(runs_on_worker_thread(resource_type))

    stacks._runs_on_worker_thread = with_indices
