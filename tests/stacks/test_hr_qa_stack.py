"""The stack with a queue and a search engine."""

import json
from collections.abc import Callable
from typing import Any, cast

import msgspec
import pytest
from aws_cdk import App, assertions

from lambda_src.hr_qa.ingestion.messages import decode_step
from lambda_src.hr_qa.queue import Sweep
from lambda_src.hr_qa.settings import HrSettings
from lambda_src.shared.settings import read_settings
from stacks.common.vector_store import VectorStore, floor_price
from stacks.config import HrQaSettings, SearchSettings
from stacks.hr_qa_stack import HrQaStack
from stacks.loading import load_stage
from tests.stacks.assemblies import TODAY, Assembly, Template, cdk_context, plain, settings_of
from tests.stacks.common.test_api_functions import actions, functions

Assemble = Callable[[str], Assembly]


def template_of(assembly_of: Assemble, stage: str) -> Template:
    return assembly_of(stage).template("hr-qa")


def function_role(template: Template, handler: str) -> str:
    functions = template.properties("AWS::Lambda::Function")
    (function,) = [function for function in functions if function["Handler"] == handler]
    return plain(function["Role"])


def access_rules(template: Template) -> dict[str, tuple[list[str], list[str]]]:
    """The resources and permissions of the data access policy by principal."""
    policy = json.loads(plain_text(template.only("AWS::OpenSearchServerless::AccessPolicy")["Policy"]))
    return {entry["Principal"][0]: (entry["Rules"][0]["Resource"], entry["Rules"][0]["Permission"]) for entry in policy}


def embedding_rate(function: dict[str, Any]) -> float:
    variables = function["Environment"]["Variables"]
    texts = {name: value if isinstance(value, str) else "deployed" for name, value in variables.items()}
    return read_settings(HrSettings, texts).function_embedding_rate


def plain_text(value: Any) -> str:
    """`plain`, which also supports the execution role's `Fn::Sub`."""
    if isinstance(value, dict) and "Fn::Join" in value:
        return "".join(part["Fn::Sub"] if "Fn::Sub" in part else plain(part) for part in value["Fn::Join"][1])
    return plain(value)


def test_each_principal_has_only_the_index_permissions_it_needs(assembly_of: Assemble) -> None:
    template = template_of(assembly_of, "prod")
    rules = access_rules(template)
    collection = template.only("AWS::OpenSearchServerless::Collection")["Name"]
    # Former indices answer until their documents were read again, and are deleted then.
    indices = [f"index/{collection}/chunks-*"]

    assert len(rules) == 3
    assert rules[function_role(template, "lambda_src.hr_qa.handler.handler")] == (
        indices,
        ["aoss:ReadDocument", "aoss:DescribeIndex"],
    )
    assert rules[function_role(template, "lambda_src.hr_qa.ingestion.handler.handler")] == (
        indices,
        ["aoss:ReadDocument", "aoss:WriteDocument", "aoss:DescribeIndex", "aoss:DeleteIndex"],
    )
    (deployer,) = [principal for principal in rules if "cfn-exec-role" in principal]
    assert rules[deployer][0] == indices
    assert set(rules[deployer][1]) == {f"aoss:{name}Index" for name in ("Create", "Describe", "Update", "Delete")}


def test_search_resources_are_created_in_a_reversible_order(assembly_of: Assemble) -> None:
    template = template_of(assembly_of, "dev")
    types = {key: value["Type"].rpartition("::")[2] for key, value in template.content["Resources"].items()}

    def dependencies(name: str) -> set[str]:
        (resource,) = template.resources(f"AWS::OpenSearchServerless::{name}").values()
        return {types[logical_id] for logical_id in resource.get("DependsOn", [])}

    # The access policy takes a while to be enforced, and the collection takes a while to be created.
    assert dependencies("Collection") == {"SecurityPolicy", "CollectionGroup", "AccessPolicy"}
    assert len(template.resources("AWS::OpenSearchServerless::SecurityPolicy")) == 2
    assert dependencies("AccessPolicy") == set()
    assert dependencies("Index") == {"AccessPolicy", "Collection"}


def test_something_slow_is_created_between_an_existing_collections_policy_and_index(assembly_of: Assemble) -> None:
    template = template_of(assembly_of, "collection")
    (policy,) = template.resources("AWS::OpenSearchServerless::AccessPolicy")
    ((slow, source),) = template.resources("AWS::Lambda::EventSourceMapping").items()
    (index,) = template.resources("AWS::OpenSearchServerless::Index").values()

    assert policy in source["DependsOn"]
    assert {policy, slow} <= set(index["DependsOn"])


def test_nextgen_scales_to_zero(assembly_of: Assemble) -> None:
    group = template_of(assembly_of, "dev").only("AWS::OpenSearchServerless::CollectionGroup")

    assert group["Generation"] == "NEXTGEN"
    assert group["StandbyReplicas"] == "ENABLED"
    assert group["CapacityLimits"]["MinIndexingCapacityInOcu"] == 0
    assert group["CapacityLimits"]["MinSearchCapacityInOcu"] == 0
    assert 0 < group["CapacityLimits"]["MaxSearchCapacityInOcu"] <= 16


def test_classic_is_configurable(assembly_of: Assemble) -> None:
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
def test_only_classic_collections_have_an_engine(assembly_of: Assemble, stage: str, engine: str | None) -> None:
    index = template_of(assembly_of, stage).only("AWS::OpenSearchServerless::Index")
    assert index["Mappings"]["Properties"]["vector"]["Method"].get("Engine") == engine


def test_the_index_depends_on_the_model_and_dimensions(assembly_of: Assemble) -> None:
    names = {
        template_of(assembly_of, stage).only("AWS::OpenSearchServerless::Index")["IndexName"]
        for stage in ("dev", "local", "classic")
    }
    assert len(names) == 3


def test_an_existing_collection_gets_an_access_policy_and_an_index(assembly_of: Assemble) -> None:
    template = template_of(assembly_of, "collection")

    assert not template.resources("AWS::OpenSearchServerless::Collection")
    assert not template.resources("AWS::OpenSearchServerless::SecurityPolicy")
    assert {resources[0] for resources, _ in access_rules(template).values()} == {"index/handbooks/chunks-*"}
    endpoint = plain(template.only("AWS::OpenSearchServerless::Index")["CollectionEndpoint"])
    assert endpoint == "https://abc123.${AWS::Region}.aoss.${AWS::URLSuffix}"


def stack_with(search: SearchSettings) -> HrQaStack:
    settings = msgspec.structs.replace(settings_of("dev"), hr_qa=HrQaSettings(search=search))
    return HrQaStack(App(context={**cdk_context(), "aws:cdk:bundling-stacks": []}), settings=settings, today=TODAY)


def search_environment(search: SearchSettings) -> dict[str, str]:
    stack = stack_with(search)
    store = cast(VectorStore, stack.node.find_child("Store"))
    return {name: plain(stack.resolve(value)) for name, value in store.environment.items()}


def existing(generation: str) -> SearchSettings:
    stage = {"collectionName": "handbooks", "collectionId": "abc123", "collectionGeneration": generation}
    return msgspec.convert({"type": "collection", **stage}, SearchSettings)


def test_an_existing_nextgen_collection_has_another_host_and_index() -> None:
    classic, nextgen = search_environment(existing("classic")), search_environment(existing("nextgen"))

    assert classic["SEARCH_ENDPOINT"] == "https://abc123.${AWS::Region}.aoss.${AWS::URLSuffix}"
    assert nextgen["SEARCH_ENDPOINT"] == "https://abc123.aoss.${AWS::Region}.on.aws"
    assert classic["SEARCH_INDEX"] != nextgen["SEARCH_INDEX"]


def test_an_existing_domain_is_granted_by_exact_paths(assembly_of: Assemble) -> None:
    template = template_of(assembly_of, "domain")
    allowed = {
        (action, resource.rpartition("domain/handbooks")[2])
        for statement in template.statements()
        for action in statement["Action"]
        for resource in statement["Resource"]
        if action.startswith("es:")
    }

    assert not [item for item in template.content["Resources"].values() if "OpenSearchServerless" in item["Type"]]
    variables = template.properties("AWS::Lambda::Function")[0]["Environment"]["Variables"]
    index = variables["SEARCH_INDEX"]
    assert allowed == {
        ("es:ESHttpPost", "/chunks-*/_search"),
        ("es:ESHttpPost", "/chunks-*/_msearch"),
        ("es:ESHttpPost", "/chunks-*/_bulk"),
        ("es:ESHttpPut", f"/{index}"),
        ("es:ESHttpDelete", "/chunks-*"),
    }


def rules(template: Template) -> list[dict[str, Any]]:
    return template.properties("AWS::Events::Rule")


def test_a_deployment_and_each_day_start_a_sweep(assembly_of: Assemble) -> None:
    template = template_of(assembly_of, "dev")
    sweeps = [rule for rule in rules(template) if rule["Targets"][0].get("Input")]

    assert [decode_step(rule["Targets"][0]["Input"], None) for rule in sweeps] == [Sweep(), Sweep()]
    (daily,) = [rule for rule in sweeps if rule.get("ScheduleExpression")]
    (deployed,) = [rule for rule in sweeps if rule.get("EventPattern")]
    assert daily["ScheduleExpression"] == "rate(1 day)"
    assert deployed["EventPattern"]["source"] == ["aws.cloudformation"]
    # Of this stack only.
    assert deployed["EventPattern"]["detail"]["stack-id"] == [{"Ref": "AWS::StackId"}]
    assert all(rule["Targets"][0]["DeadLetterConfig"] for rule in sweeps)


def test_a_replaced_index_stays_until_its_documents_were_read_again(assembly_of: Assemble) -> None:
    (index,) = template_of(assembly_of, "dev").resources("AWS::OpenSearchServerless::Index").values()

    assert index["UpdateReplacePolicy"] == "Retain"
    # But a deleted stack leaves nothing behind.
    assert index["DeletionPolicy"] == "Delete"


def test_only_the_ingestion_scans_the_table(assembly_of: Assemble) -> None:
    template = template_of(assembly_of, "dev")
    roles = functions(template)

    assert "dynamodb:Scan" in actions(template, roles["lambda_src.hr_qa.ingestion.handler.handler"], "dynamodb:")
    assert "dynamodb:Scan" not in actions(template, roles["lambda_src.hr_qa.handler.handler"], "dynamodb:")


def test_former_embedding_models_may_be_called_and_are_known_to_both_functions() -> None:
    models = {"hrQaEmbeddings": ["cohere.embed-multilingual-v3", "amazon.titan-embed-text-v2:0"]}
    stage = load_stage({"test": {"region": "us-west-2", "models": models}}, "test", today=TODAY)
    stack = HrQaStack(App(context={**cdk_context(), "aws:cdk:bundling-stacks": []}), settings=stage, today=TODAY)
    template = assertions.Template.from_stack(stack).to_json()["Resources"].values()
    variables = [
        item["Properties"]["Environment"]["Variables"] for item in template if "Lambda::Function" in item["Type"]
    ]
    policies = json.dumps([item for item in template if item["Type"] == "AWS::IAM::Policy"])

    assert {each["EMBEDDING_MODEL"] for each in variables} == {"cohere.embed-multilingual-v3"}
    assert {each["FORMER_EMBEDDING_MODELS"] for each in variables} == {"amazon.titan-embed-text-v2:0"}
    assert policies.count("foundation-model/amazon.titan-embed-text-v2:0") == 2


def test_files_reach_the_function_by_event_and_queue(assembly_of: Assemble) -> None:
    template = template_of(assembly_of, "dev")
    (rule,) = [rule for rule in rules(template) if "aws.s3" in rule.get("EventPattern", {}).get("source", ())]
    source = template.only("AWS::Lambda::EventSourceMapping")
    work, dead = sorted(template.properties("AWS::SQS::Queue"), key=lambda queue: "RedrivePolicy" not in queue)

    assert rule["EventPattern"]["detail"]["object"]["key"] == [{"prefix": "documents/"}]
    assert rule["Targets"][0]["DeadLetterConfig"]
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    # A message that ends the process must not fail others with it.
    assert source["BatchSize"] == 1
    assert source["ScalingConfig"] == {"MaximumConcurrency": 2}
    # Eight attempts, and a delivery in which the function gives the message up.
    assert work["RedrivePolicy"]["maxReceiveCount"] == 9
    # A message must not be redelivered while its function may still run.
    assert work["VisibilityTimeout"] > 300
    assert dead["MessageRetentionPeriod"] == 14 * 24 * 3600


def role_statements(template: Template, function: dict[str, Any]) -> list[dict[str, Any]]:
    role = {"Ref": function["Role"]["Fn::GetAtt"][0]}
    policies = [policy for policy in template.properties("AWS::IAM::Policy") if policy["Roles"] == [role]]
    return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_a_sources_changes_reach_the_queue_and_its_objects_the_functions(assembly_of: Assemble) -> None:
    template = template_of(assembly_of, "classic")
    patterns = [rule["EventPattern"] for rule in rules(template) if "Object Deleted" in str(rule.get("EventPattern"))]
    roles = functions(template)

    assert sorted(patterns, key=str) == [
        {
            "source": ["aws.s3"],
            "detail-type": ["Object Created", "Object Deleted"],
            "detail": {"bucket": {"name": [bucket]}, **objects},
        }
        for bucket, objects in (
            ("company-handbooks", {}),
            ("company-policies", {"object": {"key": [{"prefix": "hr/"}]}}),
        )
    ]
    for handler in ("handler.handler", "ingestion.handler.handler"):
        allowed = {
            (action, plain(resource).rpartition(":")[2])
            for statement in role_statements(template, roles[f"lambda_src.hr_qa.{handler}"])
            for action in as_list(statement["Action"])
            for resource in as_list(statement["Resource"])
        }
        assert {("s3:GetObject", "company-policies/hr/*"), ("s3:GetObject", "company-handbooks/*")} <= allowed
        assert ("kms:Decrypt", "key/0a1b2c3d") in allowed
        assert (("s3:ListBucket", "company-policies") in allowed) == (handler == "ingestion.handler.handler")


def test_a_stage_without_spaces_and_sources_is_as_if_there_were_none(assembly_of: Assemble) -> None:
    template = template_of(assembly_of, "dev")

    variables = [function["Environment"]["Variables"] for function in template.properties("AWS::Lambda::Function")]
    assert not {"SPACES", "SOURCES", "FORMER_EMBEDDING_MODELS"}.intersection(*variables)
    # One for uploads, two for sweeps.
    assert len(rules(template)) == 3
    assert not {"s3:ListBucket", "kms:Decrypt"} & {a for item in template.statements() for a in item["Action"]}


def test_queues_require_tls(assembly_of: Assemble) -> None:
    policies = template_of(assembly_of, "dev").properties("AWS::SQS::QueuePolicy")
    denied = [
        statement
        for policy in policies
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    ]
    assert len(denied) == 2


def test_each_function_has_only_the_bucket_permissions_it_needs(assembly_of: Assemble) -> None:
    template = template_of(assembly_of, "dev")
    roles = functions(template)

    def allowed(handler: str) -> set[str]:
        return actions(template, roles[f"lambda_src.hr_qa.{handler}"], "s3:")

    assert allowed("handler.handler") == {"s3:GetObject", "s3:PutObject"}
    assert allowed("ingestion.handler.handler") == {
        *("s3:GetObject", "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:ListBucketVersions")
    }


def test_the_stages_origins_may_upload(assembly_of: Assemble) -> None:
    def rules(stage: str) -> list[Any]:
        buckets = template_of(assembly_of, stage).properties("AWS::S3::Bucket")
        return [bucket["CorsConfiguration"]["CorsRules"] for bucket in buckets if "CorsConfiguration" in bucket]

    ((rule,),) = rules("shared")
    assert rule["AllowedOrigins"] == ["https://one.example"]
    assert set(rule["AllowedMethods"]) == {"GET", "POST"}
    assert rules("dev") == []


def test_functions_share_the_embedding_rate(assembly_of: Assemble) -> None:
    for stage, rate in (("dev", 15.0), ("classic", 7.5)):
        functions = template_of(assembly_of, stage).properties("AWS::Lambda::Function")
        assert {embedding_rate(function) for function in functions} == {rate}


def test_ocr_and_reranking_are_granted_only_if_configured(assembly_of: Assemble) -> None:
    def actions(stage: str) -> set[str]:
        return {action for item in template_of(assembly_of, stage).statements() for action in item["Action"]}

    assert {"bedrock:Rerank", "textract:DetectDocumentText"} <= actions("classic")
    assert {"bedrock:Rerank", "textract:DetectDocumentText"} & actions("dev") == {"bedrock:Rerank"}
    assert not {"bedrock:Rerank", "textract:DetectDocumentText"} & actions("collection")


def test_the_guardrail_masks_nothing_in_handbooks(assembly_of: Assemble) -> None:
    guardrail = template_of(assembly_of, "dev").only("AWS::Bedrock::Guardrail")
    entities = guardrail["SensitiveInformationPolicyConfig"]["PiiEntitiesConfig"]

    assert {entity["Action"] for entity in entities} == {"BLOCK"}


@pytest.mark.parametrize(
    ("search", "text"),
    [
        (SearchSettings(), "floor 0 USD"),
        (SearchSettings(type="classic"), "about 175 USD"),
        (SearchSettings(type="classic", standby=True), "about 350 USD"),
        (SearchSettings(type="domain"), "existing domain"),
    ],
)
def test_the_floor_price(search: SearchSettings, text: str) -> None:
    assert text in floor_price(search)
