"""Rules for every stack in every stage."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lambda_src import registry
from stacks.config import StageSettings
from tests.stacks.assemblies import (
    ACCESS,
    AUDIT,
    CALLER_DATA,
    DASHBOARD,
    LIFECYCLE,
    TODAY,
    UI,
    USAGE,
    USE_CASES,
    Assembly,
    Template,
    plain,
    settings_of,
)

# These actions don't support resource-level permissions.
WITHOUT_RESOURCES = {
    *("xray:PutTraceSegments", "xray:PutTelemetryRecords"),
    *("bedrock:Rerank", "textract:DetectDocumentText"),
    "ecr:GetAuthorizationToken",
}
ALLOWED_ACTIONS = {
    *("logs:CreateLogStream", "logs:PutLogEvents"),
    *("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:Query"),
    *("dynamodb:BatchGetItem", "dynamodb:BatchWriteItem", "dynamodb:ConditionCheckItem", "dynamodb:Scan"),
    "kms:Decrypt",
    *("s3:PutObject", "s3:GetObject", "s3:DeleteObject", "s3:DeleteObjectVersion"),
    *("s3:ListBucket", "s3:ListBucketVersions", "s3:AbortMultipartUpload"),
    "lambda:InvokeFunction",
    *(
        "bedrock:InvokeModel",
        "bedrock:InvokeModelWithResponseStream",
        "bedrock:ApplyGuardrail",
        "bedrock:GetFoundationModel",
    ),
    *("sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"),
    *("sqs:GetQueueAttributes", "aoss:APIAccessAll", "es:ESHttpPost", "es:ESHttpPut", "es:ESHttpDelete"),
    *("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
    *("secretsmanager:GetSecretValue", "ssm:GetParameters", "execute-api:Invoke", "sts:AssumeRole"),
    "events:PutEvents",
    *WITHOUT_RESOURCES,
}


# Bucket and prefix of the sources of a stage in `EXTRA_STAGES`.
# The folders of the stages' own buckets.
OBJECTS = (
    *("images", "documents", "photos", "document-texts", "exports"),
    *("models", "models/registered", "models/trained", "batches", "work", "results"),
)
# The bucket of exports, as use cases name it, and where they write.
EXPORTS = "be-erasable-exports-${AWS::AccountId}-${AWS::Region}/exports/*/files"
SOURCES = {("company-policies", "hr/*"), ("company-handbooks", "*")}
# Buckets of a stage in `EXTRA_STAGES` that exist.
EXISTING = {("chatbot-photos", "photos/*"), ("chatbot-photos", "document-texts/*"), ("hr-qa-documents", "documents/*")}


def settings_for(template: Template) -> StageSettings:
    name = template.name.removeprefix("bedrock-endpoints-").split("-")[0]
    return settings_of(name)


def is_ui(template: Template) -> bool:
    return template.name.endswith(f"-{UI}")


def reads_queue(function: dict[str, Any]) -> bool:
    """Whether the function reads a queue: its handler is in a subfolder of the use case."""
    return str(function["Handler"]).count(".") > 3


def use_case_of(template: Template) -> str:
    return template.name.split("-", 3)[3].replace("-", "_")


def accepts_tokens(template: Template) -> bool:
    return settings_for(template).auth.accepts_tokens


def streams(function: dict[str, Any]) -> bool:
    return bool(function["Handler"] == "lambda_src/shared/run.sh")


def test_there_is_one_stack_per_use_case_and_the_lifecycle_stack(assembly: Assembly) -> None:
    settings = settings_for(assembly.templates[0])
    ui = {UI} if settings.ui.type == "express" else set()
    lifecycle = {LIFECYCLE} if settings.all_models else set()
    access = {ACCESS} if settings.auth.accepts_tokens else set()
    usage = {USAGE} if settings.records_usage else set()
    caller_data = {CALLER_DATA} if settings.caller_data else set()
    audit = {AUDIT} if settings.audit else set()
    dashboard = {DASHBOARD} if settings.dashboard else set()
    chosen = {use_case.id for use_case in settings.chosen_use_cases}
    stacks = {template.name.split("-", 3)[3] for template in assembly.templates}
    assert stacks == {*chosen, *lifecycle, *ui, *access, *usage, *audit, *dashboard, *caller_data}
    assert {template.name.split("-", 3)[3] for template in assembly.apis} == chosen


def test_a_stage_that_does_not_choose_has_all_use_cases() -> None:
    assert {use_case.id for use_case in settings_of("prod").chosen_use_cases} == set(USE_CASES)


def test_every_method_is_authorized(assembly: Assembly) -> None:
    for template in assembly.apis:
        auth = settings_for(template).auth
        main = "COGNITO_USER_POOLS" if auth.type == "cognito" else "AWS_IAM"
        apis = template.resources("AWS::ApiGateway::RestApi")
        assert len(apis) == 1 + accepts_tokens(template)
        methods = template.properties("AWS::ApiGateway::Method")
        assert methods
        for method in methods:
            tokens = apis[method["RestApiId"]["Ref"]]["Properties"]["Name"].endswith("-tokens")
            expected = "CUSTOM" if tokens else main
            if method["HttpMethod"] == "OPTIONS":
                # Preflight requests have no credentials. The gateway answers them itself.
                assert method["Integration"]["Type"] == "MOCK"
                continue
            assert method["AuthorizationType"] == expected
            assert ("AuthorizerId" in method) == (expected != "AWS_IAM")


def test_there_is_no_preflight_without_origins(assembly: Assembly) -> None:
    for template in assembly.apis:
        preflights = [
            item for item in template.properties("AWS::ApiGateway::Method") if item["HttpMethod"] == "OPTIONS"
        ]
        assert bool(preflights) == bool(settings_for(template).cors_origins)


def test_actions_are_exact(assembly: Assembly) -> None:
    for template in assembly.templates:
        for statement in template.statements():
            assert statement["Effect"] == "Allow"
            assert set(statement["Action"]) <= ALLOWED_ACTIONS, template.name


def test_resources_are_exact(assembly: Assembly) -> None:
    for template in assembly.templates:
        for statement in template.statements():
            for resource in statement["Resource"]:
                if set(statement["Action"]) <= WITHOUT_RESOURCES:
                    assert resource == "*"
                elif statement["Action"] == ["s3:ListBucket"]:
                    prefix = statement["Condition"]["StringLike"]["s3:prefix"]
                    own = ("photos/*", "document-texts/*", "exports/*")
                    assert (resource.rpartition(":")[2], prefix) in SOURCES or prefix in own
                elif set(statement["Action"]) == {"s3:ListBucket", "s3:ListBucketVersions"}:
                    assert statement["Condition"]["StringLike"]["s3:prefix"] == "exports/*"
                elif statement["Action"] == ["s3:ListBucketVersions"]:
                    prefixes = ("images/*", "photos/*", "documents/*", "batches/*", "work/*", "results/*")
                    assert statement["Condition"]["StringLike"]["s3:prefix"] in prefixes
                elif statement["Action"] == ["execute-api:Invoke"]:
                    # All routes of one API, whose id is extracted from its URL.
                    assert is_ui(template)
                    assert resource.endswith("Parameter}///[2]/./[0]/v1/*")
                    assert resource.count("*") == 1
                elif statement["Action"][0].startswith("s3:"):
                    own = resource.endswith(tuple(f".Arn}}/{prefix}/*" for prefix in OBJECTS))
                    exports = resource.endswith(tuple(f":::{EXPORTS}/{use_case}/*" for use_case in USE_CASES))
                    place = tuple(resource.rpartition(":")[2].split("/", 1))
                    assert own or exports or place in SOURCES | EXISTING
                elif statement["Action"][0].startswith("es:ESHttp") and "es:ESHttpPut" not in statement["Action"]:
                    # Former indices, whose names are hashes.
                    assert resource.partition("/chunks-*")[2] in ("", "/_search", "/_msearch", "/_bulk")
                else:
                    assert "*" not in resource, f"{template.name}: {statement}"


def test_roles_have_no_managed_policies(assembly: Assembly) -> None:
    for template in assembly.templates:
        managed = [
            role["ManagedPolicyArns"] for role in template.properties("AWS::IAM::Role") if "ManagedPolicyArns" in role
        ]
        # ECS creates the load balancer with AWS's managed policy.
        assert len(managed) == (1 if is_ui(template) else 0)


def rules_of(template: Template) -> set[str]:
    """The ARNs of the schedules that invoke functions."""
    return {f"${{{name}.Arn}}" for name in template.resources("AWS::Events::Rule")}


def test_only_the_gateway_invokes_the_function(assembly: Assembly) -> None:
    for template in assembly.apis:
        # Lambda reads queues with the function's role, without a permission to invoke it.
        permissions = [
            permission
            for permission in template.properties("AWS::Lambda::Permission")
            if plain(permission.get("SourceArn")) not in rules_of(template)
        ]
        behind_the_api = [
            function for function in template.properties("AWS::Lambda::Function") if not reads_queue(function)
        ]
        # Each API invokes them, and with tokens the stage's authorizer.
        apis = len(template.resources("AWS::ApiGateway::RestApi"))
        assert len(permissions) == len(behind_the_api) * apis + (apis - 1)
        for permission in permissions:
            assert permission["Principal"] == "apigateway.amazonaws.com"
            assert "execute-api" in plain(permission["SourceArn"])


def test_buckets_are_private_and_encrypted(assembly: Assembly) -> None:
    for template in assembly.templates:
        policies = {plain(policy["Bucket"]): policy for policy in template.properties("AWS::S3::BucketPolicy")}
        for name, bucket in template.resources("AWS::S3::Bucket").items():
            properties = bucket["Properties"]
            assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
            assert "BucketEncryption" in properties
            rules = properties["LifecycleConfiguration"]["Rules"]
            assert any("AbortIncompleteMultipartUpload" in rule for rule in rules)
            denied = [
                item for item in policies["${" + name + "}"]["PolicyDocument"]["Statement"] if item["Effect"] == "Deny"
            ]
            assert {"Bool": {"aws:SecureTransport": "false"}} in [statement["Condition"] for statement in denied]


def test_buckets_log_access_and_keep_versions_with_the_data(assembly: Assembly) -> None:
    for template in assembly.templates:
        keeps_data = settings_for(template).keeps_data
        logging = [item for item in template.properties("AWS::S3::Bucket") if "LoggingConfiguration" in item]
        stored = ("image-generation", "hr-qa", "chatbot", "credit-risk", "summarization", CALLER_DATA)
        own = template.name.endswith(stored) and not settings_for(template).existing_bucket(use_case_of(template))
        assert len(logging) == own
        # Deleted conversations and photos of reports must not remain as old versions, nor archives.
        versioned = keeps_data and not template.name.endswith(("chatbot", "summarization", CALLER_DATA))
        for bucket in logging:
            assert ("VersioningConfiguration" in bucket) == versioned


def test_tables_are_on_demand_restorable_and_expire(assembly: Assembly) -> None:
    for template in assembly.apis:
        if settings_for(template).existing_table(use_case_of(template)):
            continue
        table = template.only("AWS::DynamoDB::Table")
        assert table["BillingMode"] == "PAY_PER_REQUEST"
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert table["SSESpecification"] == {"SSEEnabled": True}
        assert table["TimeToLiveSpecification"] == {"AttributeName": "expiresAt", "Enabled": True}
        assert table["DeletionProtectionEnabled"] == settings_for(template).keeps_data


def test_the_stage_determines_whether_data_is_retained(assembly: Assembly) -> None:
    resource_types = ("AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::Logs::LogGroup", "AWS::Cognito::UserPool")
    for template in assembly.templates:
        of_the_stage = "Retain" if settings_for(template).keeps_data else "Delete"
        for resource_type in resource_types:
            for key, resource in template.resources(resource_type).items():
                # Access logs arrive for hours, and S3 refuses to delete a bucket with objects.
                expected = "Retain" if key in access_log_buckets(template) else of_the_stage
                if resource["Properties"].get("TableName", "").endswith("-budgets"):
                    # Counters are no data.
                    expected = "Delete"
                assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == expected


def access_log_buckets(template: Template) -> set[str]:
    logging = [bucket.get("LoggingConfiguration") for bucket in template.properties("AWS::S3::Bucket")]
    return {each["DestinationBucketName"]["Ref"] for each in logging if each}


def test_tags_are_on_resources_and_never_replace_one(assembly: Assembly) -> None:
    for template in assembly.templates:
        settings = settings_for(template)
        fixed = {"application": "bedrock-endpoints", "stage": settings.name, "use-case": template.name.split("-", 3)[3]}
        created_once = ("AWS::OpenSearchServerless::Collection", "AWS::ECS::ExpressGatewayService")
        for resource_type in ("AWS::Lambda::Function", "AWS::DynamoDB::Table", "AWS::S3::Bucket", *created_once):
            expected = fixed if resource_type in created_once else {**fixed, **settings.tags}
            for properties in template.properties(resource_type):
                assert {tag["Key"]: tag["Value"] for tag in properties["Tags"]} == expected


def test_stacks_have_no_tags(assembly: Assembly) -> None:
    """CloudFormation would give a stack's tags to every resource, and replace those that cannot change them."""
    artifacts = json.loads((assembly.folder / "manifest.json").read_text("utf-8"))["artifacts"].values()
    stacks = [artifact for artifact in artifacts if artifact["type"] == "aws:cloudformation:stack"]

    assert stacks
    assert not [stack for stack in stacks if stack["properties"].get("tags")]


def test_logs_have_the_stage_s_retention(assembly: Assembly) -> None:
    for template in assembly.templates:
        if template.name.endswith(f"-{AUDIT}"):
            continue
        groups = template.properties("AWS::Logs::LogGroup")
        functions = template.resources("AWS::Lambda::Function")
        api_groups = 2 * len(template.resources("AWS::ApiGateway::RestApi"))
        ui_groups = 1 if is_ui(template) else 0
        assert len(groups) == api_groups + ui_groups + len(functions), (
            "one per function, the access log and the gateway's log, the web UI's log"
        )
        assert {group["RetentionInDays"] for group in groups} <= {settings_for(template).log_retention_days}


def test_alarms_watch_function_and_api(assembly: Assembly) -> None:
    for template in assembly.apis:
        alarms = template.properties("AWS::CloudWatch::Alarm")
        watched = {(alarm["Namespace"], alarm["MetricName"]) for alarm in alarms}
        queued = {("AWS/SQS", name) for name in ("ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage")}
        # Those of the model's health are in its stack's own test.
        own = {metric for metric in watched if metric[0] == "BedrockEndpoints"}
        assert bool(own) == template.name.endswith("credit-risk")
        assert watched - queued - own == {
            *(("AWS/Lambda", name) for name in ("Errors", "Throttles", "Duration")),
            *(("AWS/ApiGateway", name) for name in ("5XXError", "4XXError", "Latency")),
        }
        assert (queued <= watched) == template.name.endswith(("hr-qa", "chatbot", "credit-risk"))
        slow = [alarm for alarm in alarms if alarm["MetricName"] == "Duration"]
        assert [alarm["ExtendedStatistic"] for alarm in slow] == ["p99"]
        settings = settings_for(template).alarms
        notified = bool(settings.email or settings.topic_arn)
        assert all(bool(alarm.get("AlarmActions")) == notified for alarm in alarms)


def test_functions_are_traced_and_time_out_with_the_gateway(assembly: Assembly) -> None:
    for template in assembly.templates:
        for function in template.properties("AWS::Lambda::Function"):
            assert function["TracingConfig"] == {"Mode": "Active"}
            longer = reads_queue(function) or streams(function)
            trains = function["Handler"] == "lambda_src.credit_risk.training.handler.handler"
            archives = function["Handler"] == "lambda_src.caller_data.worker.handler.handler"
            assert function["Timeout"] <= (900 if archives else 600 if trains else 300 if longer else 29)
            assert "LogGroup" in function["LoggingConfig"]


def test_url_is_published(assembly: Assembly) -> None:
    for template in assembly.apis:
        _, _, stage, use_case = template.name.split("-", 3)
        published = {each["Name"]: each["Value"] for each in template.properties("AWS::SSM::Parameter")}
        names = {"url": "Url", "token-url": "TokenUrl"} if accepts_tokens(template) else {"url": "Url"}
        assert published == {
            f"/bedrock-endpoints/{stage}/{use_case}/{name}": template.content["Outputs"][output]["Value"]
            for name, output in names.items()
        }


def test_stacks_are_independent(assembly: Assembly) -> None:
    for template in assembly.templates:
        assert "Fn::ImportValue" not in json.dumps(template.content)
        assert all("Export" not in output for output in template.content.get("Outputs", {}).values())


def test_templates_do_not_depend_on_the_date_or_machine(assembly: Assembly) -> None:
    for template in assembly.templates:
        text = json.dumps(template.content)
        assert str(Path(__file__).parents[2]) not in text
        assert TODAY.isoformat() not in text


@pytest.mark.filterwarnings("default")
def test_cfn_lint_reports_nothing(assembly: Assembly) -> None:
    # W3005: CDK adds a function's role to its `DependsOn`, although it also refers to the role.
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--ignore-checks", "W3005", "--template"]
    process = subprocess.run(
        [*command, *map(str, assembly.folder.glob("*.template.json"))], capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stdout + process.stderr


def test_functions_that_may_send_to_their_own_queue_are_not_stopped_as_loops(assembly: Assembly) -> None:
    for template in assembly.templates:
        sources = template.properties("AWS::Lambda::EventSourceMapping")
        own_queues = {each["FunctionName"]["Ref"]: each["EventSourceArn"]["Fn::GetAtt"][0] for each in sources}
        for function, queue in own_queues.items():
            properties = template.resources("AWS::Lambda::Function")[function]["Properties"]
            role = properties["Role"]["Fn::GetAtt"][0]
            sends = any(
                "sqs:SendMessage" in statement["Action"] and f"'{queue}'" in str(statement["Resource"])
                for policy in template.properties("AWS::IAM::Policy")
                if policy["Roles"] == [{"Ref": role}]
                for statement in policy["PolicyDocument"]["Statement"]
            )
            assert (properties.get("RecursiveLoop") == "Allow") == sends, (template.name, function)


def test_callers_have_a_policy_with_the_routes_of_their_use_case(assembly: Assembly) -> None:
    for template in assembly.apis:
        use_case = registry.find(template.name.split("-", 3)[3])
        policies = template.properties("AWS::IAM::ManagedPolicy")
        if settings_for(template).auth.type != "iam":
            # Those of a pool need none.
            assert not policies
        elif use_case.name != "credit_risk":
            (policy,) = policies
            (statement,) = policy["PolicyDocument"]["Statement"]
            assert statement["Action"] == "execute-api:Invoke"
            allowed = [plain(resource).partition("/v1/")[2] for resource in listed(statement["Resource"])]
            expected = [f"{route.method}{re.sub('{[^}]*}', '*', route.path)}" for route in use_case.routes]
            assert sorted(allowed) == sorted(expected)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
