"""
The state of OpenSearch Serverless: the emulator's policies and collections, and additionally collection groups and the
roles that deploy stacks.
"""

import json
import os
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from dev.local import seams
from dev.local.search import access
from dev.local.search.access import Policy

PREFIX = "/_local/aoss/"
Record = dict[str, Any]
_ROLE_ACTIONS = ("CreateStack", "UpdateStack", "DeleteStack", "CreateChangeSet", "ExecuteChangeSet")


class Refused(ValueError):
    """The service rejects the request. CloudFormation shows the message."""


class NotFound(Refused):
    """The resource does not exist."""


class Service:
    """One instance per process. `extend` installs it in the emulator."""

    def __init__(self) -> None:
        self._aoss = seams.module("ministack.services.opensearchserverless")
        self._scope = seams.module("ministack.core.responses")
        self._iam = seams.module("ministack.services.iam")
        self._evaluator = seams.module("ministack.core.iam_evaluator")
        self.groups: dict[str, Record] = {}
        self._roles: dict[str, str] = {}
        self._deployer: ContextVar[str] = ContextVar("deployer", default="")

    def extend(self) -> None:
        """Installs the service. Called once, before the emulator loads its state."""
        self._aoss._collection_endpoint = endpoint
        self._persist()
        handlers = seams.module("ministack.services.cloudformation")._ACTION_HANDLERS
        for action in _ROLE_ACTIONS:
            handlers[action] = self._remembering_role(handlers[action])

    def _persist(self) -> None:
        get_state, load = self._aoss.get_state, self._aoss.load_persisted_state

        def get_all() -> Record:
            return {**get_state(), "local": {"groups": self.groups, "roles": self._roles}}

        def load_all(data: Record) -> None:
            load(data)
            saved = (data or {}).get("local", {})
            self.groups.update(saved.get("groups", {}))
            self._roles.update(saved.get("roles", {}))
            for _, collection in self._aoss._collections.all_items():
                # The collection needs no container, and the port can differ from the saved one.
                collection |= {"status": "ACTIVE", "collectionEndpoint": endpoint(collection["id"])}

        self._aoss.get_state, self._aoss.load_persisted_state = get_all, load_all

    def _remembering_role(self, handler: Callable[[Record], Any]) -> Callable[[Record], Any]:
        """
        CloudFormation uses the role last passed for the stack, or the caller's permissions.

        The emulator has no such role. Its deployment task copies this context variable.
        """

        def handle(params: Record) -> Any:
            stack = _parameter(params, "StackName")
            role = _parameter(params, "RoleARN") or self._roles.get(stack)
            if role and stack:
                self._roles[stack] = role
            token = self._deployer.set(role or self._evaluator.caller_arn())
            try:
                return handler(params)
            finally:
                self._deployer.reset(token)

        return handle

    def deployer(self) -> set[str]:
        """The principals of the current deployment."""
        return self.principals(self._deployer.get())

    def principals(self, arn: str) -> set[str]:
        """All ARNs by which a policy can name this caller."""
        role = access.role_of(arn)
        if not role:
            return {arn}
        account, name = role
        record = self._iam._roles.get_scoped(account, None, name) or {}
        return {arn, str(record.get("Arn") or f"arn:aws:iam::{account}:role/{name}")}

    def call(self, action: str, data: Record) -> Record:
        """Calls one of the emulator's operations. Raises `Refused`."""
        try:
            _, _, body = self._aoss._HANDLERS[action](data)
        except self._aoss._Invalid as refusal:
            error = NotFound if refusal.code == "ResourceNotFoundException" else Refused
            raise error(refusal.message) from refusal
        return _json(body)

    def collection(self, identifier: str) -> Record | None:
        """The collection with this id; ids are unique across accounts."""
        collection: Record | None = self._aoss._find_collection_anywhere(identifier)
        return collection

    def by_endpoint(self, address: str) -> Record:
        """The collection with this endpoint. Raises `NotFound`."""
        identifier = address.partition(PREFIX)[2].strip("/")
        collection = self.collection(identifier) if identifier else None
        if not collection:
            raise NotFound(f"no collection has the endpoint {address}")
        return collection

    def nextgen(self, collection: Record) -> bool:
        """Whether the collection's group has the generation NEXTGEN, which chooses the engine."""
        group = self.groups.get(collection.get("_group", ""), {})
        return group.get("generation") == "NEXTGEN"

    def members(self, group: str) -> list[Record]:
        """The collections of a group."""
        return [record for _, record in self._aoss._collections.all_items() if record.get("_group") == group]

    def is_allowed(self, principals: set[str], permission: str, collection: Record, index: str) -> bool:
        """Whether a data access policy grants the permission."""
        policies = [policy["policy"] for _, policy in self._aoss._access_policies.all_items()]
        return access.allows(policies, principals, permission, f"index/{collection['name']}/{index}")

    def reachable(self, collection: Record) -> bool:
        """Whether a network policy allows access to the collection."""
        policies: list[Policy] = [
            policy["policy"] for _, policy in self._aoss._security_policies.all_items() if policy["type"] == "network"
        ]
        return access.reachable(policies, collection["name"])

    def policy(self, kind: str, type_: str, name: str) -> Record:
        """The policy with its version. Raises `Refused`."""
        record: Record = next(iter(self.call(f"Get{kind}Policy", {"type": type_, "name": name}).values()))
        return record

    def where(self) -> tuple[str, str]:
        """Region and account of the current request."""
        return self._scope.get_region(), self._scope.get_account_id()


def endpoint(collection: str) -> str:
    """A collection's endpoint. A host name per collection, as on AWS, would not resolve on every machine."""
    return f"https://localhost:{os.environ['GATEWAY_PORT']}{PREFIX}{collection}"


def _parameter(params: Record, name: str) -> str:
    value = params.get(name, "")
    return str(value[0] if isinstance(value, list) else value)


def _json(body: bytes | str) -> Record:
    content: Record = json.loads(body or b"{}")
    return content
