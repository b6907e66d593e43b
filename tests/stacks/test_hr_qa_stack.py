"""The stack with a queue and a search engine."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from stacks.common.vector_store import floor_price
from stacks.config import SearchSettings
from tests.stacks.assemblies import Assembly, Template, plain

Assemble = Callable[[str], Assembly]


def template_of(assembly_of: Assemble, stage: str) -> Template:
    return assembly_of(stage).template("hr-qa")


def function_role(template: Template, handler: str) -> str:
    (found,) = [one for one in template.properties("AWS::Lambda::Function") if one["Handler"] == handler]
    return plain(found["Role"])


def access_rules(template: Template) -> dict[str, tuple[list[str], list[str]]]:
    """Principal -> (resources, permissions) of the data access policy."""
    policy = json.loads(plain_text(template.only("AWS::OpenSearchServerless::AccessPolicy")["Policy"]))
    return {entry["Principal"][0]: (entry["Rules"][0]["Resource"], entry["Rules"][0]["Permission"]) for entry in policy}


def plain_text(value: Any) -> str:
    """`plain`, with the execution role's `Fn::Sub` in it."""
    if isinstance(value, dict) and "Fn::Join" in value:
        return "".join(part["Fn::Sub"] if "Fn::Sub" in part else plain(part) for part in value["Fn::Join"][1])
    return plain(value)


def test_each_principal_may_do_only_what_it_needs_in_the_index(assembly_of: Assemble) -> None:
    template = template_of(assembly_of, "prod")
    rules = access_rules(template)
    collection = template.only("AWS::OpenSearchServerless::Collection")["Name"]
    index = [f"index/{collection}/{template.only('AWS::OpenSearchServerless::Index')['IndexName']}"]

    assert len(rules) == 3
    assert rules[function_role(template, "lambda_src.hr_qa.handler.handler")] == (
        index,
        ["aoss:ReadDocument", "aoss:DescribeIndex"],
    )
    assert rules[function_role(template, "lambda_src.hr_qa.ingestion.handler.handler")] == (
        index,
        ["aoss:ReadDocument", "aoss:WriteDocument", "aoss:DescribeIndex"],
    )
    (deployer,) = [one for one in rules if "cfn-exec-role" in one]
    # A new name makes a new index, and the old one has to be deleted then.
    assert rules[deployer][0] == [f"index/{collection}/chunks-*"]
    assert set(rules[deployer][1]) == {f"aoss:{name}Index" for name in ("Create", "Describe", "Update", "Delete")}


def test_search_resources_are_made_in_an_order_that_can_be_undone(assembly_of: Assemble) -> None:
    template = template_of(assembly_of, "dev")
    kinds = {key: value["Type"].rpartition("::")[2] for key, value in template.content["Resources"].items()}

    def needs(kind: str) -> set[str]:
        (resource,) = template.resources(f"AWS::OpenSearchServerless::{kind}").values()
        return {kinds[one] for one in resource.get("DependsOn", [])}

    assert needs("Collection") == {"SecurityPolicy", "CollectionGroup"}
    assert len(template.resources("AWS::OpenSearchServerless::SecurityPolicy")) == 2
    assert needs("AccessPolicy") == {"Collection"}
    assert needs("Index") == {"AccessPolicy", "Collection"}


def test_nextgen_scales_to_zero(assembly_of: Assemble) -> None:
    group = template_of(assembly_of, "dev").only("AWS::OpenSearchServerless::CollectionGroup")

    assert group["Generation"] == "NEXTGEN"
    assert group["StandbyReplicas"] == "ENABLED"
    assert group["CapacityLimits"]["MinIndexingCapacityInOcu"] == 0
    assert group["CapacityLimits"]["MinSearchCapacityInOcu"] == 0
    assert 0 < group["CapacityLimits"]["MaxSearchCapacityInOcu"] <= 16


def test_classic_is_a_setting(assembly_of: Assemble) -> None:
    template = template_of(assembly_of, "classic")

    assert not template.resources("AWS::OpenSearchServerless::CollectionGroup")
    assert template.only("AWS::OpenSearchServerless::Collection")["StandbyReplicas"] == "DISABLED"


def test_the_index_has_the_vectors_dimensions_and_no_engine(assembly_of: Assemble) -> None:
    index = template_of(assembly_of, "dev").only("AWS::OpenSearchServerless::Index")
    vector = index["Mappings"]["Properties"]["vector"]

    assert index["Settings"]["Index"]["Knn"] is True
    assert vector["Dimension"] == 1024
    assert vector["Method"] == {
        "Name": "hnsw",
        "SpaceType": "cosinesimil",
        "Parameters": {"M": 16, "EfConstruction": 256},
    }


@pytest.mark.parametrize(("stage", "engine"), [("dev", None), ("classic", "faiss"), ("collection", "faiss")])
def test_only_classic_collections_are_told_an_engine(assembly_of: Assemble, stage: str, engine: str | None) -> None:
    index = template_of(assembly_of, stage).only("AWS::OpenSearchServerless::Index")
    assert index["Mappings"]["Properties"]["vector"]["Method"].get("Engine") == engine


def test_another_model_or_length_makes_another_index(assembly_of: Assemble) -> None:
    names = {
        template_of(assembly_of, stage).only("AWS::OpenSearchServerless::Index")["IndexName"]
        for stage in ("dev", "local", "classic")
    }
    assert len(names) == 3


def test_an_existing_collection_gets_an_access_policy_and_an_index(assembly_of: Assemble) -> None:
    template = template_of(assembly_of, "collection")

    assert not template.resources("AWS::OpenSearchServerless::Collection")
    assert not template.resources("AWS::OpenSearchServerless::SecurityPolicy")
    index = template.only("AWS::OpenSearchServerless::Index")["IndexName"]
    assert {resources[0] for resources, _ in access_rules(template).values()} == {
        f"index/handbooks/{index}",
        "index/handbooks/chunks-*",
    }
    endpoint = plain(template.only("AWS::OpenSearchServerless::Index")["CollectionEndpoint"])
    assert endpoint.startswith("https://abc123.")


def test_an_existing_domain_is_reached_by_exact_paths(assembly_of: Assemble) -> None:
    template = template_of(assembly_of, "domain")
    allowed = {
        (action, resource.rpartition("domain/handbooks")[2])
        for one in template.statements()
        for action in one["Action"]
        for resource in one["Resource"]
        if action.startswith("es:")
    }

    assert not [one for one in template.content["Resources"].values() if "OpenSearchServerless" in one["Type"]]
    variables = template.properties("AWS::Lambda::Function")[0]["Environment"]["Variables"]
    index = variables["SEARCH_INDEX"]
    assert allowed == {
        ("es:ESHttpPost", f"/{index}/_search"),
        ("es:ESHttpPost", f"/{index}/_msearch"),
        ("es:ESHttpPost", f"/{index}/_bulk"),
        ("es:ESHttpPut", f"/{index}"),
    }


def test_files_reach_the_function_by_event_and_queue(assembly_of: Assemble) -> None:
    template = template_of(assembly_of, "dev")
    rule = template.only("AWS::Events::Rule")
    source = template.only("AWS::Lambda::EventSourceMapping")
    work, dead = sorted(template.properties("AWS::SQS::Queue"), key=lambda one: "RedrivePolicy" not in one)

    assert rule["EventPattern"]["detail"]["object"]["key"] == [{"prefix": "documents/"}]
    assert rule["Targets"][0]["DeadLetterConfig"]
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["BatchSize"] == 10
    assert source["ScalingConfig"] == {"MaximumConcurrency": 2}
    assert work["RedrivePolicy"]["maxReceiveCount"] == 8
    # The message of a function that was killed must not come back while that function could still run.
    assert work["VisibilityTimeout"] > 300
    assert dead["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_the_queues_take_messages_over_tls_only(assembly_of: Assemble) -> None:
    policies = template_of(assembly_of, "dev").properties("AWS::SQS::QueuePolicy")
    denied = [
        one
        for policy in policies
        for one in policy["PolicyDocument"]["Statement"]
        if one["Effect"] == "Deny" and one["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    ]
    assert len(denied) == 2


def test_only_the_bucket_s_own_role_parts_are_given(assembly_of: Assemble) -> None:
    template = template_of(assembly_of, "dev")
    allowed = [set(one["Action"]) for one in template.statements() if one["Action"][0].startswith("s3:")]

    assert sorted(allowed, key=sorted) == [{"s3:GetObject", "s3:DeleteObject"}, {"s3:GetObject", "s3:PutObject"}]


def test_browsers_of_the_stage_s_origins_may_upload(assembly_of: Assemble) -> None:
    def rules(stage: str) -> list[Any]:
        buckets = template_of(assembly_of, stage).properties("AWS::S3::Bucket")
        return [one["CorsConfiguration"]["CorsRules"] for one in buckets if "CorsConfiguration" in one]

    ((rule,),) = rules("shared")
    assert rule["AllowedOrigins"] == ["https://one.example"]
    assert set(rule["AllowedMethods"]) == {"GET", "POST"}
    assert rules("dev") == []


def test_functions_share_the_embedding_rate(assembly_of: Assemble) -> None:
    for stage, rate in (("dev", 15.0), ("classic", 7.5)):
        functions = template_of(assembly_of, stage).properties("AWS::Lambda::Function")
        assert {float(one["Environment"]["Variables"]["INGESTION_RATE"]) for one in functions} == {rate}


def test_ocr_and_rerank_are_granted_when_they_are_on(assembly_of: Assemble) -> None:
    def actions(stage: str) -> set[str]:
        return {action for one in template_of(assembly_of, stage).statements() for action in one["Action"]}

    assert {"bedrock:Rerank", "textract:DetectDocumentText"} <= actions("classic")
    assert not {"bedrock:Rerank", "textract:DetectDocumentText"} & actions("dev")


def test_the_guardrail_masks_nothing_that_handbooks_hold(assembly_of: Assemble) -> None:
    guardrail = template_of(assembly_of, "dev").only("AWS::Bedrock::Guardrail")
    entities = guardrail["SensitiveInformationPolicyConfig"]["PiiEntitiesConfig"]

    assert {one["Action"] for one in entities} == {"BLOCK"}


@pytest.mark.parametrize(
    ("search", "says"),
    [
        (SearchSettings(), "floor 0 USD"),
        (SearchSettings(type="classic"), "about 175 USD"),
        (SearchSettings(type="classic", standby=True), "about 350 USD"),
        (SearchSettings(type="domain"), "existing domain"),
    ],
)
def test_the_floor_price_is_said(search: SearchSettings, says: str) -> None:
    assert says in floor_price(search)
