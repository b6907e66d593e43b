"""The vector index: in a new or existing OpenSearch Serverless collection, or in an existing domain."""

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
from aws_cdk import Aws, CfnDeletionPolicy, CfnResource, DefaultStackSynthesizer, Fn, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_opensearchserverless as aoss
from constructs import Construct

from stacks.common.nag import acknowledge
from stacks.common.use_case_stack import UseCaseStack
from stacks.config import SearchSettings

# The permissions of each function; OpenSearch Serverless has no finer ones.
READ = ("aoss:ReadDocument", "aoss:DescribeIndex")
MAINTAIN = ("aoss:ReadDocument", "aoss:WriteDocument", "aoss:DescribeIndex", "aoss:DeleteIndex")
_MANAGE = ("aoss:CreateIndex", "aoss:DescribeIndex", "aoss:UpdateIndex", "aoss:DeleteIndex")
# USD per month of 730 hours for the minimum capacity: half a unit at 0.24 USD an hour each for indexing and for search,
# twice that with a standby. https://aws.amazon.com/opensearch-service/pricing/
_CLASSIC_FLOOR = 2 * 0.5 * 0.24 * 730
_FORMER_INDICES = "Former indices answer until their documents were read again; their names are hashes"
# The lowest allowed limit: enough for a few million chunks, and caps the bill.
_MAX_UNITS = 4


class VectorStore(Construct):
    """One index with the given mapping. Functions find it by `environment` and get access by `grant`.

    Call `complete` once, after all grants: the access policy lists the roles, and CloudFormation needs that policy to
    create the index. A policy may take a minute to be enforced, so something slow is created between them.
    """

    def __init__(
        self, scope: UseCaseStack, construct_id: str, *, index: str, index_family: str, properties: dict[str, Any]
    ) -> None:
        """`index_family` is a pattern that matches all past and future names of the index: a changed name creates a new
        index, and functions use the old one until they delete it."""
        super().__init__(scope, construct_id)
        self._index = index
        self._index_family = index_family
        self._settings: SearchSettings = scope.settings.hr_qa.search
        self._properties = _camel(properties)
        self._grants: list[tuple[iam.IRole, tuple[str, ...]]] = []
        self._endpoint, self._arn = "", ""
        # A changed store gets new resources, which need new names: CloudFormation creates them before it deletes the
        # old ones.
        self._name = _short_name(scope.stack_name, _store_identity(self._settings))
        self._collection_name = self._settings.collection_name or self._name
        self._tags = scope.fixed_tags
        self._collection: aoss.CfnCollection | None = None
        if self._settings.type == "domain":
            self._endpoint, self._arn = str(self._settings.domain_endpoint), str(self._settings.domain_arn)
        elif self._settings.type == "collection":
            self._existing_collection(str(self._settings.collection_id))
        else:
            self._new_collection()

    @property
    def environment(self) -> dict[str, str]:
        """The function's environment variables for the index."""
        service = "es" if self._settings.type == "domain" else "aoss"
        return {"SEARCH_ENDPOINT": self._endpoint, "SEARCH_INDEX": self._index, "SEARCH_SERVICE": service}

    def grant(self, role: iam.Role, permissions: tuple[str, ...]) -> None:
        """Grants a role access to the index and former ones: `READ` or `MAINTAIN`."""
        if self._settings.type == "domain":
            self._grant_domain(role, maintains=permissions == MAINTAIN)
            return
        role.add_to_policy(iam.PolicyStatement(actions=["aoss:APIAccessAll"], resources=[self._arn]))
        self._grants.append((role, permissions))

    def complete(self, slow: CfnResource) -> None:
        """Creates the resources that depend on the grants. `slow` takes a while to create, and stands between the
        access policy and the index where there is no new collection to wait for."""
        if self._settings.type == "domain":
            return
        policy = self._access_policy()
        index = aoss.CfnIndex(
            self,
            "Index",
            collection_endpoint=self._endpoint,
            index_name=self._index,
            settings={"index": {"knn": True}},
            mappings={"properties": self._properties},
        )
        # A replaced index answers until its documents are in the new one; then the ingestion deletes it.
        index.cfn_options.update_replace_policy = CfnDeletionPolicy.RETAIN
        index.cfn_options.deletion_policy = CfnDeletionPolicy.DELETE
        # Deletion runs in reverse: the index is deleted while the policy still allows it.
        index.add_resource_dependency(policy)
        between = self._collection or slow
        between.add_resource_dependency(policy)
        index.add_resource_dependency(between)

    def _new_collection(self) -> None:
        name = self._collection_name
        before: list[CfnResource] = [
            aoss.CfnSecurityPolicy(
                self,
                "Encryption",
                name=name,
                type="encryption",
                policy=_json({"Rules": [_rule("collection", f"collection/{name}")], "AWSOwnedKey": True}),
            ),
            aoss.CfnSecurityPolicy(
                self,
                "Network",
                name=name,
                type="network",
                # Lambda is not in a VPC and calls with a signature; the access policy controls permissions.
                policy=_json([{"Rules": [_rule("collection", f"collection/{name}")], "AllowFromPublic": True}]),
            ),
        ]
        nextgen = self._settings.type == "nextgen"
        if nextgen:
            before.append(self._group(name))
        self._collection = aoss.CfnCollection(
            self,
            "Collection",
            name=name,
            type="VECTORSEARCH",
            description="Document chunks for questions",
            collection_group_name=name if nextgen else None,
            standby_replicas="ENABLED" if nextgen or self._settings.standby else "DISABLED",
            tags=self._tags,
        )
        for resource in before:
            self._collection.add_resource_dependency(resource)
        self._endpoint = self._collection.attr_collection_endpoint
        self._arn = self._collection.attr_arn

    def _group(self, name: str) -> aoss.CfnCollectionGroup:
        return aoss.CfnCollectionGroup(
            self,
            "Group",
            name=name,
            generation="NEXTGEN",
            # The service rejects this generation without a standby.
            standby_replicas="ENABLED",
            capacity_limits=aoss.CfnCollectionGroup.CapacityLimitsProperty(
                min_indexing_capacity_in_ocu=0,
                min_search_capacity_in_ocu=0,
                max_indexing_capacity_in_ocu=_MAX_UNITS,
                max_search_capacity_in_ocu=_MAX_UNITS,
            ),
        )

    def _existing_collection(self, identifier: str) -> None:
        # https://docs.aws.amazon.com/opensearch-service/latest/developerguide/serverless-collection-endpoints.html
        classic = f"https://{identifier}.{Aws.REGION}.aoss.{Aws.URL_SUFFIX}"
        self._endpoint = classic if self._settings.is_classic else f"https://{identifier}.aoss.{Aws.REGION}.on.aws"
        self._arn = f"arn:{Aws.PARTITION}:aoss:{Aws.REGION}:{Aws.ACCOUNT_ID}:collection/{identifier}"

    def _access_policy(self) -> aoss.CfnAccessPolicy:
        indexes = f"index/{self._collection_name}"
        entries = [
            {"Rules": [_rule("index", f"{indexes}/{self._index_family}", permissions)], "Principal": [role.role_arn]}
            for role, permissions in self._grants
        ]
        manage = _rule("index", f"{indexes}/{self._index_family}", _MANAGE)
        entries.append({"Rules": [manage], "Principal": [self._deployer()]})
        return aoss.CfnAccessPolicy(
            self,
            "Access",
            name=self._name,
            type="data",
            policy=Stack.of(self).to_json_string(entries),
        )

    def _deployer(self) -> str:
        """The role CloudFormation creates the index with."""
        synthesizer = Stack.of(self).synthesizer
        if not isinstance(synthesizer, DefaultStackSynthesizer):
            raise TypeError("the access policy needs the bootstrap's role, which this synthesizer does not have")
        return Fn.sub(synthesizer.cloud_formation_execution_role_arn)

    def _grant_domain(self, role: iam.Role, *, maintains: bool) -> None:
        family = f"{self._arn}/{self._index_family}"
        posts = [f"{family}/{api}" for api in ("_search", "_msearch", *(("_bulk",) if maintains else ()))]
        role.add_to_policy(iam.PolicyStatement(actions=["es:ESHttpPost"], resources=posts))
        if maintains:
            role.add_to_policy(iam.PolicyStatement(actions=["es:ESHttpPut"], resources=[f"{self._arn}/{self._index}"]))
            role.add_to_policy(iam.PolicyStatement(actions=["es:ESHttpDelete"], resources=[family]))
        patterns = [*posts, family] if maintains else posts
        acknowledge(role, {f"AwsSolutions-IAM5[Resource::{pattern}]": _FORMER_INDICES for pattern in patterns})


def floor_price(search: SearchSettings) -> str:
    """The monthly price without any questions."""
    if search.type == "nextgen":
        return (
            "search: OpenSearch Serverless NextGen scales to zero, floor 0 USD a month; after 10 idle minutes the "
            "first request takes 10-30 s"
        )
    if search.type == "classic":
        price = _CLASSIC_FLOOR * (2 if search.standby else 1)
        return f"search: OpenSearch Serverless classic, floor about {price:.0f} USD a month, used or not"
    return f"search: an existing {search.type}, nothing added to its price"


def _rule(resource_type: str, resource: str, permissions: Sequence[str] = ()) -> dict[str, Any]:
    rule: dict[str, Any] = {"ResourceType": resource_type, "Resource": [resource]}
    return {**rule, "Permission": list(permissions)} if permissions else rule


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _camel(value: Any) -> Any:
    """CloudFormation uses camelCase (`spaceType`) where OpenSearch uses snake_case; field names are not affected."""
    if not isinstance(value, dict):
        return value
    words = {name: name.split("_") for name in value}
    return {
        first + "".join(word.capitalize() for word in others): _camel(value[name])
        for name, (first, *others) in words.items()
    }


def _store_identity(search: SearchSettings) -> str:
    """The settings that decide which store it is."""
    return " ".join(filter(None, (search.type, "standby" if search.standby else None, search.collection_id)))


def _short_name(stack_name: str, store: str) -> str:
    """A name unique to the stack and its store, within the service's limit of 32 characters."""
    digest = hashlib.sha256(f"{stack_name} {store}".encode()).hexdigest()[:6]
    return f"{stack_name.removeprefix('bedrock-endpoints-')[:21].rstrip('-')}-{digest}"
