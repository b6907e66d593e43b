"""
What the local stage knows about OpenSearch Serverless: the emulator's policies and collections, and, kept beside them,
collection groups and the roles that deploy stacks.
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
    """The service refuses. The text is what CloudFormation shows."""


class NotFound(Refused):
    """What was named does not exist."""


class Service:
    """One for the process. `extend` puts it into the emulator."""

    def __init__(self) -> None:
        self._aoss = seams.module("ministack.services.opensearchserverless")
        self._scope = seams.module("ministack.core.responses")
        self._iam = seams.module("ministack.services.iam")
        self._evaluator = seams.module("ministack.core.iam_evaluator")
        self.groups: dict[str, Record] = {}
        self._roles: dict[str, str] = {}
        self._deployer: ContextVar[str] = ContextVar("deployer", default="")

    def extend(self) -> None:
        """Called once, before the emulator serves: its state has not been read yet."""
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
            ours = (data or {}).get("local", {})
            self.groups.update(ours.get("groups", {}))
            self._roles.update(ours.get("roles", {}))
            for _, collection in self._aoss._collections.all_items():
                # Nothing has to be started for it, and the port may be another one.
                collection |= {"status": "ACTIVE", "collectionEndpoint": endpoint(collection["id"])}

        self._aoss.get_state, self._aoss.load_persisted_state = get_all, load_all

    def _remembering_role(self, handler: Callable[[Record], Any]) -> Callable[[Record], Any]:
        """
        CloudFormation acts as the role that a stack was given last, or as its caller.

        The emulator does everything as itself. The task that works on the stack copies this context.
        """

        def handle(params: Record) -> Any:
            stack = _one(params, "StackName")
            given = _one(params, "RoleARN") or self._roles.get(stack)
            if given and stack:
                self._roles[stack] = given
            token = self._deployer.set(given or self._evaluator.caller_arn())
            try:
                return handler(params)
            finally:
                self._deployer.reset(token)

        return handle

    def deployer(self) -> set[str]:
        """Whom CloudFormation acts as now."""
        return self.principals(self._deployer.get())

    def principals(self, arn: str) -> set[str]:
        """Every ARN by which a policy may name the caller with this one."""
        role = access.role_of(arn)
        if not role:
            return {arn}
        account, name = role
        record = self._iam._roles.get_scoped(account, None, name) or {}
        return {arn, str(record.get("Arn") or f"arn:aws:iam::{account}:role/{name}")}

    def call(self, action: str, data: Record) -> Record:
        """One of the service's own operations. Raises `Refused`."""
        try:
            _, _, body = self._aoss._HANDLERS[action](data)
        except self._aoss._Invalid as refusal:
            kind = NotFound if refusal.code == "ResourceNotFoundException" else Refused
            raise kind(refusal.message) from refusal
        return _json(body)

    def collection(self, identifier: str) -> Record | None:
        """By id; ids are unique, whatever the account."""
        found: Record | None = self._aoss._find_collection_anywhere(identifier)
        return found

    def at(self, address: str) -> Record:
        """The collection with this endpoint. Raises `NotFound`."""
        identifier = address.partition(PREFIX)[2].strip("/")
        found = self.collection(identifier) if identifier else None
        if not found:
            raise NotFound(f"no collection answers at {address}")
        return found

    def nextgen(self, collection: Record) -> bool:
        """Whether the collection's group is of the generation that chooses its engine."""
        group = self.groups.get(collection.get("_group", ""), {})
        return group.get("generation") == "NEXTGEN"

    def members(self, group: str) -> list[Record]:
        """The collections of a group."""
        return [found for _, found in self._aoss._collections.all_items() if found.get("_group") == group]

    def may(self, principals: set[str], permission: str, collection: Record, index: str) -> bool:
        """Whether a data access policy grants it."""
        policies = [policy["policy"] for _, policy in self._aoss._access_policies.all_items()]
        return access.allows(policies, principals, permission, f"index/{collection['name']}/{index}")

    def reachable(self, collection: Record) -> bool:
        """Whether a network policy opens the collection."""
        policies: list[Policy] = [
            policy["policy"] for _, policy in self._aoss._security_policies.all_items() if policy["type"] == "network"
        ]
        return access.reachable(policies, collection["name"])

    def policy(self, kind: str, type_: str, name: str) -> Record:
        """A policy as the service tells it, with its version. Raises `Refused`."""
        found: Record = next(iter(self.call(f"Get{kind}Policy", {"type": type_, "name": name}).values()))
        return found

    def where(self) -> tuple[str, str]:
        """Region and account of the request at hand."""
        return self._scope.get_region(), self._scope.get_account_id()


def endpoint(collection: str) -> str:
    """A collection's address: a host of its own, as on AWS, would not resolve on every machine."""
    return f"https://localhost:{os.environ['GATEWAY_PORT']}{PREFIX}{collection}"


def _one(params: Record, name: str) -> str:
    value = params.get(name, "")
    return str(value[0] if isinstance(value, list) else value)


def _json(body: bytes | str) -> Record:
    content: Record = json.loads(body or b"{}")
    return content
