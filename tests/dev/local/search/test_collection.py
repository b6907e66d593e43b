"""A vector collection from deployment to deletion, with engine, emulator, HTTPS, and signatures."""

import json
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.credentials import Credentials
from botocore.exceptions import WaiterError

from tests.dev.local.search.conftest import EXECUTION_ROLE, REFRESH_SECONDS, Emulator, Response, role_arn

NAME = "hr-docs"
_ACCESS = {"Action": "aoss:APIAccessAll", "Resource": "*"}
DEPLOY = [f"aoss:{verb}Index" for verb in ("Create", "Delete", "Update", "Describe")]


def grant(principal: str, *permissions: str, index: str = "*", name: str = NAME) -> dict[str, Any]:
    rule = {"ResourceType": "index", "Resource": [f"index/{name}/{index}"], "Permission": list(permissions)}
    return {"Rules": [rule], "Principal": [role_arn(principal)]}


def _resource(resource_type: str, after: str | None = None, **properties: Any) -> dict[str, Any]:
    resource = {"Type": f"AWS::OpenSearchServerless::{resource_type}", "Properties": properties}
    return {**resource, "DependsOn": after} if after else resource


def template(policy: list[dict[str, Any]], name: str = NAME) -> dict[str, Any]:
    covers = {"ResourceType": "collection", "Resource": [f"collection/{name}"]}
    network = json.dumps([{"Rules": [covers], "AllowFromPublic": True}])
    vector = {"Type": "knn_vector", "Dimension": 3, "Method": {"Name": "hnsw", "SpaceType": "cosinesimil"}}
    resources = {
        "Encryption": _resource(
            "SecurityPolicy", Name=name, Type="encryption", Policy=json.dumps({"Rules": [covers], "AWSOwnedKey": True})
        ),
        "Network": _resource(
            "SecurityPolicy", Name=name, Type="network", Policy=network
        ),
        "Group": _resource(
            "CollectionGroup", Name=name, Generation="NEXTGEN", StandbyReplicas="ENABLED",
            CapacityLimits={"MinSearchCapacityInOcu": 0, "MaxSearchCapacityInOcu": 2},
        ),
        "Collection": _resource("Collection", "Encryption", Name=name, Type="VECTORSEARCH", CollectionGroupName=name),
        "Access": _resource("AccessPolicy", Name=name, Type="data", Policy=json.dumps(policy)),
        "Index": _resource(
            "Index", "Access",
            CollectionEndpoint={"Fn::GetAtt": ["Collection", "CollectionEndpoint"]}, IndexName="chunks",
            Settings={"Index": {"Knn": True}},
            Mappings={"Properties": {"vector": vector, "text": {"Type": "text"}, "chunk": {"Type": "keyword"}}},
        ),
    }  # fmt: skip
    resources["Collection"]["DependsOn"] = ["Encryption", "Group"]
    outputs = {
        "Endpoint": {"Value": {"Fn::GetAtt": ["Collection", "CollectionEndpoint"]}},
        "Arn": {"Value": {"Fn::GetAtt": ["Collection", "Arn"]}},
        "Id": {"Value": {"Ref": "Collection"}},
    }
    return {"Resources": resources, "Outputs": outputs}


@dataclass
class Collection:
    """The deployed collection and its callers."""

    emulator: Emulator
    endpoint: str
    writer: Credentials
    reader: Credentials
    # `unnamed` has the IAM permission but is in no data access policy; for `unallowed` it is the reverse.
    unnamed: Credentials
    unallowed: Credentials

    def call(
        self, credentials: Credentials | None, method: str, path: str, content: Any = None, **named: Any
    ) -> Response:
        return self.emulator.call(credentials, method, f"{self.endpoint}{path}", content, **named)

    def index(self, *documents: dict[str, Any]) -> list[str]:
        """Indexes documents, waits until they are searchable, and returns their ids."""
        lines = [line for document in documents for line in ({"index": {}}, document)]
        answer = self.call(self.writer, "POST", "/chunks/_bulk", lines)
        assert answer.status == 200, answer
        assert not answer.content["errors"], answer
        time.sleep(REFRESH_SECONDS + 0.5)
        return [item["index"]["_id"] for item in answer.content["items"]]

    def count(self) -> int:
        return int(self.call(self.reader, "GET", "/chunks/_count").content["count"])


@pytest.fixture(scope="module")
def collection(emulator: Emulator) -> Iterator[Collection]:
    users = {
        name: emulator.role(name, None if name == "unallowed" else _ACCESS)
        for name in ("writer", "reader", "unnamed", "unallowed")
    }
    reads = ("aoss:ReadDocument", "aoss:DescribeIndex")
    policy = [
        grant(EXECUTION_ROLE, *DEPLOY),
        grant("writer", "aoss:WriteDocument"),
        grant("reader", *reads, index="chunks"),
        grant("unallowed", *reads),
    ]
    outputs = deploy(emulator, "search", template(policy))
    yield Collection(emulator, outputs["Endpoint"], **users)
    remove(emulator, "search")


def deploy(emulator: Emulator, name: str, content: dict[str, Any]) -> dict[str, str]:
    client = emulator.client("cloudformation")
    client.create_stack(StackName=name, TemplateBody=json.dumps(content), RoleARN=role_arn(EXECUTION_ROLE))
    client.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    outputs = client.describe_stacks(StackName=name)["Stacks"][0]["Outputs"]
    return {output["OutputKey"]: output["OutputValue"] for output in outputs}


def remove(emulator: Emulator, name: str) -> None:
    client = emulator.client("cloudformation")
    client.delete_stack(StackName=name)
    client.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})


def reasons(emulator: Emulator, name: str) -> str:
    events = emulator.client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    return "\n".join(event.get("ResourceStatusReason", "") for event in events)


def test_a_write_becomes_visible_to_vector_and_text_search(collection: Collection) -> None:
    # given two chunks with different vectors and words
    lines = [
        {"index": {"_index": "chunks"}},
        {"vector": [1, 0, 0], "text": "Twenty five days of vacation", "chunk": "vacation"},
        {"create": {"_index": "chunks"}},
        {"vector": [0, 1, 0], "text": "Sick leave needs a certificate", "chunk": "sick"},
    ]
    written = collection.call(collection.writer, "POST", "/_bulk", lines)
    assert [next(iter(item.values()))["status"] for item in written.content["items"]] == [201, 201]
    assert next(iter(written.content["items"][0].values()))["_index"] == "chunks"
    # then they become visible after a delay
    assert collection.count() == 0
    time.sleep(REFRESH_SECONDS + 0.5)
    assert collection.count() == 2
    # and one request searches by vector and by words
    searches = [
        {"index": "chunks"},
        {"query": {"knn": {"vector": {"vector": [0, 0.9, 0.1], "k": 1}}}},
        {"index": "chunks"},
        {"query": {"match": {"text": "vacation"}}},
    ]
    results = collection.call(collection.reader, "POST", "/_msearch", searches).content["responses"]
    assert [[hit["_source"]["chunk"] for hit in answer["hits"]["hits"]] for answer in results] == [
        ["sick"],
        ["vacation"],
    ]
    assert results[0]["hits"]["hits"][0]["_index"] == "chunks"
    # the service's score for the cosine of (0.9, 0.1) and the axis
    assert results[0]["hits"]["hits"][0]["_score"] == pytest.approx((1 + 0.9 / 0.82**0.5) / 2, rel=1e-5)


def test_only_granted_callers_are_allowed(collection: Collection) -> None:
    document = {"text": "x"}
    search = {"query": {"match_all": {}}}
    assert collection.call(collection.reader, "POST", "/chunks/_search", search).status == 200
    refused = [
        collection.call(collection.reader, "POST", "/chunks/_doc", document),
        collection.call(collection.reader, "POST", "/_bulk", [{"index": {"_index": "chunks"}}, document]),
        collection.call(collection.reader, "POST", "/_msearch", [{"index": "other"}, search]),
        collection.call(collection.reader, "POST", "/_search", search),
        collection.call(collection.reader, "DELETE", "/chunks"),
        collection.call(collection.writer, "POST", "/chunks/_search", search),
        collection.call(collection.unnamed, "POST", "/chunks/_search", search),
        collection.call(collection.unallowed, "POST", "/chunks/_search", search),
    ]
    assert [answer.status for answer in refused] == [403] * len(refused)
    assert refused[0].content["error"] == {"reason": "403 Forbidden", "type": "Forbidden"}


def test_only_signed_requests_are_served(collection: Collection) -> None:
    search = {"query": {"match_all": {}}}
    stolen = Credentials(collection.reader.access_key, "guessed", collection.reader.token)
    refused = [
        collection.call(None, "POST", "/chunks/_search", search),
        collection.call(stolen, "POST", "/chunks/_search", search),
        collection.call(collection.reader, "POST", "/chunks/_search", search, service="es"),
        collection.call(collection.reader, "POST", "/chunks/_search", search, region="eu-west-1"),
        collection.call(collection.reader, "POST", "/chunks/_search", search, tampered=b'{"size": 1}'),
    ]
    assert [answer.status for answer in refused] == [403] * len(refused)


def test_the_service_chooses_ids(collection: Collection) -> None:
    # given an item with an id between two without
    lines = [{"index": {}}, {"chunk": "a"}, {"index": {"_id": "mine"}}, {"chunk": "b"}, {"create": {}}, {"chunk": "c"}]
    answer = collection.call(collection.writer, "POST", "/chunks/_bulk", lines).content
    # then only that item is refused, at its position
    items = [next(iter(item.values())) for item in answer["items"]]
    assert [item["status"] for item in items] == [201, 400, 201]
    assert items[1]["error"]["reason"] == "Document ID is not supported in create/index operation request"
    assert answer["errors"]
    assert collection.call(collection.writer, "PUT", "/chunks/_doc/mine", {"chunk": "d"}).status == 400
    # and a document can be deleted by the id from the service
    deletions = [{"delete": {"_id": items[0]["_id"]}}, {"delete": {"_id": items[2]["_id"]}}]
    deleted = collection.call(collection.writer, "POST", "/chunks/_bulk", deletions).content["items"]
    assert [item["delete"]["result"] for item in deleted] == ["deleted", "deleted"]


def test_unsupported_operations_are_refused(collection: Collection) -> None:
    every = {"query": {"match_all": {}}}
    refreshed = collection.call(collection.writer, "POST", "/chunks/_doc?refresh=true", {"chunk": "e"})
    assert refreshed.status == 400
    assert refreshed.content["error"]["reason"] == "true refresh policy is not supported."
    for path in ("/chunks/_refresh", "/chunks/_delete_by_query", "/chunks/_update_by_query", "/_cluster/health", "/"):
        assert collection.call(collection.writer, "POST", path, every).status == 404, path
    assert collection.call(collection.reader, "GET", "/_nodes").status == 404


def test_the_index_is_described_with_the_callers_names(collection: Collection) -> None:
    mapping = collection.call(collection.reader, "GET", "/chunks/_mapping").content
    assert list(mapping) == ["chunks"]
    assert mapping["chunks"]["mappings"]["properties"]["vector"]["dimension"] == 3


def test_data_survives_a_killed_emulator(collection: Collection) -> None:
    # given
    collection.index({"chunk": "kept", "vector": [0, 0, 1]})
    before = collection.count()
    collection.emulator.save()
    # when
    collection.emulator.process.kill()
    collection.emulator.process.wait(10)
    collection.emulator.start()
    collection.reader = collection.emulator.session("reader")
    # then
    assert before > 0
    assert collection.count() == before
    assert collection.call(collection.reader, "POST", "/chunks/_doc", {"chunk": "x"}).status == 403


def test_a_collection_needs_an_encryption_policy(emulator: Emulator) -> None:
    # given a template with an encryption policy for another name
    content = template([grant("writer", "aoss:*", name="hr-bare")], "hr-bare")
    other = {"Rules": [{"ResourceType": "collection", "Resource": ["collection/other"]}], "AWSOwnedKey": True}
    content["Resources"]["Encryption"]["Properties"]["Policy"] = json.dumps(other)
    with pytest.raises(WaiterError):
        deploy(emulator, "bare", content)
    # then
    assert "No matching security policy of encryption type" in reasons(emulator, "bare")
    remove(emulator, "bare")


def test_an_index_needs_a_policy_for_its_deployer(emulator: Emulator) -> None:
    # given a policy without the deployer
    with pytest.raises(WaiterError):
        deploy(emulator, "closed", template([grant("writer", "aoss:*", name="hr-closed")], "hr-closed"))
    # then
    assert f"{EXECUTION_ROLE} is not authorized" in reasons(emulator, "closed")
    remove(emulator, "closed")


def test_an_index_is_not_deleted_by_a_deployer_without_a_policy(emulator: Emulator, search_port: int) -> None:
    # given an index whose policy no longer has its deployer
    granted = [grant(EXECUTION_ROLE, *DEPLOY, name="hr-stuck")]
    collection = deploy(emulator, "stuck", template(granted, "hr-stuck"))
    service, named = emulator.client("opensearchserverless"), {"name": "hr-stuck", "type": "data"}
    version = service.get_access_policy(**named)["accessPolicyDetail"]["policyVersion"]
    forgetful = [grant("writer", "aoss:ReadDocument", name="hr-stuck")]
    service.update_access_policy(**named, policyVersion=version, policy=json.dumps(forgetful))
    # when, then
    with pytest.raises(WaiterError):
        remove(emulator, "stuck")
    assert "aoss:DeleteIndex" in reasons(emulator, "stuck")
    # when the deletion is repeated: deleting the collection needs no data access policy
    remove(emulator, "stuck")
    # then nothing is left, not even in the engine
    assert emulator.call(emulator.role("late", _ACCESS), "GET", f"{collection['Endpoint']}/chunks").status == 404
    with urllib.request.urlopen(f"http://127.0.0.1:{search_port}/_cat/indices") as listed:
        assert collection["Id"] not in listed.read().decode()
