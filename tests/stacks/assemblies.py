"""Synthesizes stages and reads their templates."""

import functools
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).parents[2]
# jsii uses the first node on the PATH, and warns if it is outdated.
os.environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))

from aws_cdk import App  # noqa: E402

from app import add_stacks  # noqa: E402
from lambda_src import registry  # noqa: E402
from stacks.common.bundling import Package  # noqa: E402
from stacks.common.python_function import PythonFunction  # noqa: E402
from stacks.config import StageSettings  # noqa: E402
from stacks.loading import load_stage  # noqa: E402

TODAY = date(2026, 11, 24)
STAGES = ("local", "dev", "prod")
USE_CASES = tuple(use_case.id for use_case in registry.USE_CASES)
# The stack next to the use cases' stacks: no API, no data.
LIFECYCLE = "model-lifecycle"
STACKS = (*USE_CASES, LIFECYCLE)
# The web UI's stack, which is optional: no API either.
UI = "ui"
# The stack of stages that accept tokens and keys.
ACCESS = "access"
# The tables and API of stages that record use.
USAGE = "usage"
# The stack of stages that erase and export callers' data. It has an API and a table.
CALLER_DATA = "caller-data"
# The log group of stages with an audit trail.
AUDIT = "audit"
# The dashboard's stack, which is optional.
DASHBOARD = "dashboard"
KMS_KEY = "arn:aws:kms:us-west-2:111122223333:key/0a1b2c3d"
AUDIT_KEY = "arn:aws:kms:us-west-2:111122223333:key/0a1b2c3d-0000-4000-8000-0123456789ab"
# Settings that no stage in cdk.json has.
EXTRA_STAGES: dict[str, dict[str, Any]] = {
    "browser": {
        "region": "us-west-2",
        "auth": {"type": "cognito"},
        "corsOrigins": ["https://one.example", "https://two.example"],
        "alarms": {"email": "on-call@example.com"},
        "guardrail": {"type": "off"},
        "architecture": "x86_64",
        "payloadLogging": True,
    },
    "shared": {
        "account": "111122223333",
        "region": "us-west-2",
        "auth": {"type": "cognito", "userPoolArn": "arn:aws:cognito-idp:us-west-2:111122223333:userpool/us-west-2_a"},
        "corsOrigins": ["https://one.example"],
        "alarms": {"topicArn": "arn:aws:sns:us-west-2:111122223333:on-call"},
        "guardrail": {"type": "existing", "id": "abc123", "version": "3"},
        "models": {"summarization": ["global.anthropic.claude-haiku-5-5", "us.amazon.nova-lite-v1:0"]},
        "creditRisk": {"letters": True},
        "tags": {"cost-center": "4711"},
        "chatbot": {"retentionDays": 30, "windowTokens": 4000},
        "imageGeneration": {"retentionDays": 30},
        "summarization": {"retentionDays": 30},
        "reservedConcurrency": {"chatbot": 20},
        # People sign in to the web UI at the pool; its URL is not known yet.
        "ui": {
            "type": "express",
            "image": "111122223333.dkr.ecr.us-west-2.amazonaws.com/pages:1",
            "signIn": {
                "issuer": "https://cognito-idp.us-west-2.amazonaws.com/us-west-2_a",
                "clientId": "web-ui",
                "clientSecretArn": "arn:aws:secretsmanager:us-west-2:111122223333:secret:web-ui-AbCdEf",
            },
        },
    },
    "classic": {
        "region": "us-west-2",
        "models": {"hrQaRerank": ["cohere.rerank-v3-5:0"], "hrQaEmbeddings": ["cohere.embed-multilingual-v3"]},
        "hrQa": {
            "search": {"type": "classic"},
            "ocr": True,
            "concurrency": 4,
            "spaces": [{"name": "handbooks", "readers": ["*"], "writers": ["hr-team"]}],
            "sources": [
                {"bucket": "company-policies", "prefix": "hr/", "space": "handbooks", "kmsKey": KMS_KEY},
                {"bucket": "company-handbooks", "space": "handbooks"},
            ],
        },
    },
    "collection": {
        "region": "us-west-2",
        "models": {"hrQaRerank": []},
        "hrQa": {"search": {"type": "collection", "collectionName": "handbooks", "collectionId": "abc123"}},
    },
    "domain": {
        "region": "us-west-2",
        "hrQa": {
            "search": {
                "type": "domain",
                "domainArn": "arn:aws:es:us-west-2:111122223333:domain/handbooks",
                "domainEndpoint": "https://search-handbooks-abc.us-west-2.es.amazonaws.com",
            }
        },
    },
    "remote": {
        "region": "eu-central-1",
        "modelRegions": {"imageGeneration": "us-west-2", "embeddings": "eu-west-1"},
        "streaming": {"layerArn": "arn:aws:lambda:eu-central-1:111122223333:layer:web-adapter:4"},
    },
    "express": {
        "account": "111122223333",
        "region": "us-west-2",
        "ui": {
            "type": "express",
            "image": "444455556666.dkr.ecr.us-east-1.amazonaws.com/pages/bedrock:1",
            "signInDomainPrefix": "example-pages",
            "url": "https://be-0123.ecs.us-west-2.on.aws",
        },
    },
    # The web UI's first deployment, before its URL is known.
    "newui": {
        "region": "us-west-2",
        "removalPolicy": "destroy",
        "ui": {
            "type": "express",
            "image": "111122223333.dkr.ecr.us-west-2.amazonaws.com/page@sha256:" + 64 * "a",
            "signInDomainPrefix": "example",
        },
    },
    # People sign in to the web UI at the stage's identity provider, and call as themselves.
    "people": {
        "account": "111122223333",
        "region": "us-west-2",
        "useCases": ["summarization", "chatbot"],
        "auth": {"issuers": [{"url": "https://login.example.com/staff", "audiences": ["web-ui"]}]},
        "ui": {
            "type": "express",
            "image": "444455556666.dkr.ecr.us-east-1.amazonaws.com/pages/bedrock:1",
            "url": "https://be-0123.ecs.us-west-2.on.aws",
            "signIn": {
                "issuer": "https://login.example.com/staff",
                "clientId": "web-ui",
                "clientSecretArn": "arn:aws:secretsmanager:us-west-2:111122223333:secret:staff/web-ui-AbCdEf",
            },
        },
    },
    "europe": {
        "account": "111122223333",
        "region": "eu-central-1",
        "residency": "eu",
        "useCases": ["summarization", "chatbot", "hrQa"],
        "costProfiles": True,
        "models": {
            "hrQaRerank": ["cohere.rerank-v3-5:0"],
            "summarization": [
                {
                    "arn": "arn:aws:bedrock:eu-central-1:111122223333:application-inference-profile/abc123",
                    "model": "eu.amazon.nova-lite-v1:0",
                }
            ],
        },
    },
    # Existing guardrail, in the region that the text models are called in.
    "elsewhere": {
        "region": "eu-central-1",
        "useCases": ["summarization"],
        "modelRegions": {"summarization": "us-east-1"},
        "guardrail": {"type": "existing", "id": "abc123", "version": "3"},
    },
    "legacy": {
        "region": "us-west-2",
        "useCases": ["playground"],
        "models": {"playground": ["us.meta.llama3-3-70b-instruct-v1:0"]},
    },
    "tokens": {
        "region": "us-west-2",
        "useCases": ["summarization", "chatbot", "creditRisk"],
        "auth": {
            "issuers": [
                {"url": "https://idp.example.com/realms/staff", "audiences": ["bedrock"], "nameClaim": "email"}
            ],
            "apiKeys": True,
            "admins": ["KeyAdmins"],
            "accounts": ["444455556666"],
        },
        "creditRisk": {"roles": [{"role": "validator", "groups": ["risk-committee"]}]},
    },
    "limited": {
        "region": "us-west-2",
        "useCases": ["chatbot", "hrQa", "creditRisk"],
        "auth": {"apiKeys": True},
        "alarms": {"email": "on-call@example.com"},
        "budgets": [
            {"per": "caller", "of": "requests", "every": "minute", "limit": 30, "warn": [0.8, 1]},
            {"per": "team", "of": "tokens", "every": "day", "limit": 2_000_000},
            {"per": "stage", "of": "usd", "every": "month", "limit": 99.5},
        ],
    },
    "erasable": {
        "region": "us-west-2",
        "callerData": True,
        "auth": {"apiKeys": True, "admins": ["DataProtection"], "accounts": ["444455556666"]},
        "hrQa": {"spaces": [{"name": "handbooks", "readers": ["*"], "writers": ["hr-team"]}]},
    },
    # Everything that reports what callers do: the access and usage stacks have functions behind APIs, too.
    "audited": {
        "region": "us-west-2",
        "useCases": ["chatbot", "hrQa", "creditRisk"],
        "auth": {"apiKeys": True},
        "budgets": [{"per": "caller", "of": "requests", "every": "day", "limit": 100}],
        "dashboard": True,
        "alarms": {
            "email": "on-call@example.com",
            "thresholds": {
                **{"serverErrors": 20, "clientErrorShare": 0.25, "slowApiMilliseconds": 10_000},
                **{"slowFunctionMilliseconds": 9_500, "functionErrors": 3, "functionThrottles": 4},
                "oldMessageSeconds": 600,
            },
        },
        "audit": {"retentionDays": 731, "contents": True, "kmsKey": AUDIT_KEY},
    },
    # Models that answer in place of others.
    "fallbacks": {
        "account": "111122223333",
        "region": "us-west-2",
        "useCases": ["summarization", "chatbot", "hrQa"],
        "costProfiles": True,
        "models": {
            "summarization": {"primary": "us.anthropic.claude-haiku-5-5", "then": ["us.amazon.nova-lite-v1:0"]},
            "chatbot": [
                {
                    "primary": {
                        "arn": "arn:aws:bedrock:us-west-2:111122223333:application-inference-profile/abc123",
                        "model": "us.anthropic.claude-haiku-5-5",
                    },
                    "then": ["us.amazon.nova-2-lite-v1:0", "us.amazon.nova-lite-v1:0"],
                },
                "us.amazon.nova-lite-v1:0",
            ],
        },
    },
    # Tokens next to Cognito's, and no keys.
    "issuers": {
        "region": "us-west-2",
        "useCases": ["embeddings"],
        "auth": {"type": "cognito", "issuers": [{"url": "https://idp.example.com", "audiences": ["bedrock"]}]},
    },
    # Tables and buckets that exist.
    "restored": {
        "region": "us-west-2",
        "useCases": ["chatbot", "embeddings", "hrQa"],
        "corsOrigins": ["https://one.example"],
        "existingData": {
            "chatbot": {"table": "chatbot-restored", "bucket": "chatbot-photos"},
            "hrQa": {"table": "hr-qa-restored", "bucket": "hr-qa-documents"},
        },
    },
    # Reports without budgets.
    "reports": {
        "region": "us-west-2",
        "useCases": ["embeddings"],
        "auth": {"type": "cognito", "admins": ["finance-admins"], "auditors": ["finance"]},
        "usageReports": True,
    },
    # No model at all.
    "scores": {
        "region": "us-west-2",
        "useCases": ["creditRisk"],
        "creditRisk": {"roles": [{"role": "validator", "groups": ["risk-committee"]}], "sampleModels": False},
    },
    # Without a region, models cannot be chosen.
    "regionless": {
        "useCases": ["embeddings", "chatbot"],
        "models": {"embeddings": ["amazon.titan-embed-text-v2:0"], "chatbot": ["eu.amazon.nova-lite-v1:0"]},
    },
}


def cdk_context() -> dict[str, Any]:
    """The feature flags and stages of cdk.json."""
    context: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text("utf-8"))["context"]
    return context


def settings_of(stage: str) -> StageSettings:
    """A stage's settings. The host's interpreter and architecture are replaced by fixed ones."""
    stages = {**cdk_context()["stages"], **EXTRA_STAGES}
    settings = load_stage(stages, stage, today=TODAY)
    if settings.runtime == "host":
        settings = msgspec.structs.replace(settings, runtime="python3.13", architecture="x86_64")
    return settings


@dataclass(frozen=True)
class Template:
    """One stack's template."""

    name: str
    content: Mapping[str, Any]

    def resources(self, resource_type: str) -> dict[str, dict[str, Any]]:
        """The resources of a type by logical id."""
        return {key: value for key, value in self.content["Resources"].items() if value["Type"] == resource_type}

    def properties(self, resource_type: str) -> list[dict[str, Any]]:
        """The properties of all resources of a type."""
        return [resource.get("Properties", {}) for resource in self.resources(resource_type).values()]

    def only(self, resource_type: str) -> dict[str, Any]:
        """The properties of the only resource of a type."""
        (properties,) = self.properties(resource_type)
        return properties

    def statements(self) -> Iterator[dict[str, Any]]:
        """The statements of all policies of roles. Actions and resources are always lists."""
        policies = [properties["PolicyDocument"] for properties in self.properties("AWS::IAM::Policy")]
        for role in self.properties("AWS::IAM::Role"):
            policies += [inline["PolicyDocument"] for inline in role.get("Policies", [])]
        for policy in policies:
            for statement in policy["Statement"]:
                yield {
                    **statement,
                    "Action": _listed(statement["Action"]),
                    "Resource": [plain(resource) for resource in _listed(statement["Resource"])],
                }


@dataclass(frozen=True)
class Assembly:
    """The output of one synthesis."""

    folder: Path

    @cached_property
    def templates(self) -> list[Template]:
        """Every stack's template."""
        paths = sorted(self.folder.glob("*.template.json"))
        return [
            Template(path.name.removesuffix(".template.json"), json.loads(path.read_text("utf-8"))) for path in paths
        ]

    @property
    def apis(self) -> list[Template]:
        """The templates of the use cases. Each has an API and a table."""
        others = (f"-{LIFECYCLE}", f"-{UI}", f"-{ACCESS}", f"-{USAGE}", f"-{CALLER_DATA}", f"-{AUDIT}", f"-{DASHBOARD}")
        return [template for template in self.templates if not template.name.endswith(others)]

    def template(self, use_case: str) -> Template:
        """The template of a use case's stack."""
        (match,) = [template for template in self.templates if template.name.endswith(f"-{use_case}")]
        return match

    @cached_property
    def report(self) -> list[dict[str, Any]]:
        """The report of each rule pack."""
        text = (self.folder / "validation-report.json").read_text("utf-8")
        reports: list[dict[str, Any]] = json.loads(text)["pluginReports"]
        return reports

    @cached_property
    def acknowledgments(self) -> list[tuple[str, str]]:
        """The construct path and finding of each acknowledgment."""
        acknowledgments = []
        for path in self.folder.glob("*.metadata.json"):
            for construct, entries in json.loads(path.read_text("utf-8")).items():
                for entry in entries:
                    if entry["type"] == "aws:cdk:acknowledged-rules":
                        acknowledgments += [(construct.removeprefix("/"), finding) for finding in entry["data"]]
        return acknowledgments


def plain(value: Any) -> str:
    """A template's expression as text: `${Table.Arn}/index/*`."""
    if isinstance(value, str):
        return value
    ((function, argument),) = value.items()
    if function == "Ref":
        return "${" + str(argument) + "}"
    if function == "Fn::GetAtt":
        return "${" + ".".join(map(str, argument)) + "}"
    if function == "Fn::Join":
        return str(argument[0]).join(plain(part) for part in argument[1])
    if function == "Fn::Select":
        return f"{plain(argument[1])}[{argument[0]}]"
    if function == "Fn::Split":
        return f"{plain(argument[1])}/{argument[0]}/"
    raise AssertionError(f"{function} is not supported here")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@functools.cache
def packages() -> dict[str, Package]:
    """The packages of the stage `dev` with what other stages have, by name: use case, and part for another handler."""
    app = App(context={**cdk_context(), "aws:cdk:bundling-stacks": []})
    everything = msgspec.structs.replace(settings_of("dev"), auth=settings_of("tokens").auth, caller_data=True)
    add_stacks(app, everything, TODAY)
    built = [construct.package for construct in app.node.find_all() if isinstance(construct, PythonFunction)]
    return {".".join(filter(None, (package.use_case, package.part))): package for package in built}


def synthesize(stage: str, folder: Path, context: Mapping[str, Any] | None = None) -> Assembly:
    """Synthesizes a stage into a folder. By default, packages are not built."""
    app = App(context={**cdk_context(), "aws:cdk:bundling-stacks": [], **(context or {})}, outdir=str(folder))
    add_stacks(app, settings_of(stage), TODAY)
    app.synth()
    return Assembly(folder)
