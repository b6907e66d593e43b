"""A stage's settings in `cdk.json`: the only place that declares a setting, its type and its default."""

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from lambda_src.chatbot.settings import ChatbotOptions
from lambda_src.hr_qa.settings import HrQaOptions
from lambda_src.registry import MODEL_SETTINGS, USE_CASES
from lambda_src.shared.settings import Options


class Settings(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Base of all settings structs."""


class Auth(Settings, frozen=True, kw_only=True):
    """Who may call. `cognito` without `userPoolArn` creates a user pool for each use case."""

    type: Literal["iam", "cognito"] = "iam"
    user_pool_arn: (
        Annotated[str, msgspec.Meta(pattern=r"^arn:[a-z-]+:cognito-idp:[^:]+:[0-9]{12}:userpool/.+$")] | None
    ) = None


if TYPE_CHECKING:

    class Models(Settings, frozen=True, kw_only=True):
        """The models a stage offers: a field for each model setting in the registry."""

        def __init__(self, **settings: tuple[str, ...]) -> None: ...

else:
    Models = msgspec.defstruct(
        "Models",
        [(setting.name, tuple[str, ...], setting.defaults) for setting in MODEL_SETTINGS],
        bases=(Settings,),
        frozen=True,
        kw_only=True,
    )


# AWS's names. https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GuardrailPiiEntityConfig.html
PersonalDataType = Literal[
    "ADDRESS",
    "AGE",
    "AWS_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "CA_HEALTH_NUMBER",
    "CA_SOCIAL_INSURANCE_NUMBER",
    "CREDIT_DEBIT_CARD_CVV",
    "CREDIT_DEBIT_CARD_EXPIRY",
    "CREDIT_DEBIT_CARD_NUMBER",
    "DRIVER_ID",
    "EMAIL",
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER",
    "IP_ADDRESS",
    "LICENSE_PLATE",
    "MAC_ADDRESS",
    "NAME",
    "PASSWORD",
    "PHONE",
    "PIN",
    "SWIFT_CODE",
    "UK_NATIONAL_HEALTH_SERVICE_NUMBER",
    "UK_NATIONAL_INSURANCE_NUMBER",
    "UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER",
    "URL",
    "USERNAME",
    "US_BANK_ACCOUNT_NUMBER",
    "US_BANK_ROUTING_NUMBER",
    "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER",
    "US_PASSPORT_NUMBER",
    "US_SOCIAL_SECURITY_NUMBER",
    "VEHICLE_IDENTIFICATION_NUMBER",
]
# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GuardrailContentFilterConfig.html
FilterCategory = Literal["HATE", "INSULTS", "SEXUAL", "VIOLENCE", "MISCONDUCT", "PROMPT_ATTACK"]
PersonalDataAction = Literal["mask", "block", "allow"]
FilterStrength = Literal["none", "low", "medium", "high"]


class DeniedTopic(Settings, frozen=True, kw_only=True):
    """A subject that neither prompts nor answers may be about, and up to five phrases that show it.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GuardrailTopicConfig.html
    """

    name: Annotated[str, msgspec.Meta(pattern="^[0-9a-zA-Z _!?.-]{1,100}$")]
    definition: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    examples: tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=100)], ...] = ()


class GuardrailPolicies(Settings, frozen=True, kw_only=True):
    """What a new guardrail does. What is not set here is as in the less specific policies."""

    personal_data: dict[PersonalDataType, PersonalDataAction] = {}
    filters: dict[FilterCategory, FilterStrength] = {}
    denied_topics: tuple[DeniedTopic, ...] = ()

    def merged_with(self, other: "GuardrailPolicies") -> "GuardrailPolicies":
        """These policies with the other ones: those take precedence, and topics are added."""
        return GuardrailPolicies(
            personal_data={**self.personal_data, **other.personal_data},
            filters={**self.filters, **other.filters},
            denied_topics=(*self.denied_topics, *other.denied_topics),
        )


DEFAULT_POLICIES = GuardrailPolicies(
    personal_data={
        # Masked, since legitimate reports may contain them. Names and places stay: reports need them.
        "EMAIL": "mask",
        "PHONE": "mask",
        # Blocked: no use case needs them, and a model must not repeat them.
        "AWS_ACCESS_KEY": "block",
        "AWS_SECRET_KEY": "block",
        "PASSWORD": "block",
        "CREDIT_DEBIT_CARD_NUMBER": "block",
        "CREDIT_DEBIT_CARD_CVV": "block",
        "PIN": "block",
    },
    filters={
        "HATE": "high",
        "INSULTS": "high",
        "SEXUAL": "high",
        # Lower: reports describe injuries, and posters thrillers.
        "VIOLENCE": "medium",
        "MISCONDUCT": "medium",
        "PROMPT_ATTACK": "high",
    },
)
# Answers may quote contact details from handbooks, so nothing is masked.
USE_CASE_POLICIES = {"hr_qa": GuardrailPolicies(personal_data={"EMAIL": "allow", "PHONE": "allow"})}

if TYPE_CHECKING:

    class UseCasePolicies(Settings, frozen=True, kw_only=True):
        """Policies of single use cases: a field for each use case that calls models."""

        def __init__(self, **policies: GuardrailPolicies) -> None: ...

else:
    UseCasePolicies = msgspec.defstruct(
        "UseCasePolicies",
        [(use_case.name, GuardrailPolicies, GuardrailPolicies()) for use_case in USE_CASES if use_case.models],
        bases=(Settings,),
        frozen=True,
        kw_only=True,
    )


class GuardrailSettings(Settings, frozen=True, kw_only=True):
    """The guardrail for prompts and answers: a `new` one for each use case, an `existing` one, or `off`.

    `policies` change the new guardrails of all use cases, `useCases` those of single ones.
    """

    type: Literal["new", "existing", "off"] = "new"
    id: Annotated[str, msgspec.Meta(pattern="^[a-z0-9]+$")] | None = None
    version: Annotated[str, msgspec.Meta(pattern="^([1-9][0-9]*|DRAFT)$")] | None = None
    policies: GuardrailPolicies = GuardrailPolicies()
    use_cases: UseCasePolicies = UseCasePolicies()

    def policies_for(self, use_case: str) -> GuardrailPolicies:
        """The policies of a use case's new guardrail, from the most general to the most specific ones."""
        built_in = DEFAULT_POLICIES.merged_with(USE_CASE_POLICIES.get(use_case, GuardrailPolicies()))
        return built_in.merged_with(self.policies).merged_with(getattr(self.use_cases, use_case, GuardrailPolicies()))


if TYPE_CHECKING:

    class ReservedConcurrency(Settings, frozen=True, kw_only=True):
        """Reserved concurrent executions of the functions behind an API: a field for each use case."""

        def __init__(self, **executions: int | None) -> None: ...

else:
    ReservedConcurrency = msgspec.defstruct(
        "ReservedConcurrency",
        [(use_case.name, Annotated[int, msgspec.Meta(ge=1, le=10_000)] | None, None) for use_case in USE_CASES],
        bases=(Settings,),
        frozen=True,
        kw_only=True,
    )


class Throttling(Settings, frozen=True, kw_only=True):
    """Requests per second (`rate`) and burst size of an API; routes that call a model have separate limits."""

    rate: Annotated[float, msgspec.Meta(gt=0, le=10_000)] = 20
    burst: Annotated[int, msgspec.Meta(ge=1, le=5_000)] = 40
    model_rate: Annotated[float, msgspec.Meta(gt=0, le=10_000)] = 5
    model_burst: Annotated[int, msgspec.Meta(ge=1, le=5_000)] = 10


class StreamingSettings(Settings, frozen=True, kw_only=True):
    """How streaming routes respond: incrementally through AWS Lambda Web Adapter, or with all events at once.

    The adapter is a public layer by AWS; `layerArn` selects another copy of it, which must contain 0.7.1 or newer:
    earlier ones let callers forge their identity.
    """

    adapter: bool = True
    layer_arn: (
        Annotated[str, msgspec.Meta(pattern=r"^arn:[a-z-]+:lambda:[^:]+:[0-9]{12}:layer:[^:]+:[0-9]+$")] | None
    ) = None


class AlarmSettings(Settings, frozen=True, kw_only=True):
    """Where alarms are sent: an e-mail address (through a new topic), or an existing SNS topic. Optional."""

    email: Annotated[str, msgspec.Meta(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")] | None = None
    topic_arn: Annotated[str, msgspec.Meta(pattern=r"^arn:[a-z-]+:sns:[^:]+:[0-9]{12}:[^:]+$")] | None = None


class SearchSettings(Settings, frozen=True, kw_only=True):
    """Where HR Q&A stores its chunks.

    `nextgen` and `classic` create an OpenSearch Serverless collection: the first scales to zero, the second always
    bills a minimum capacity. `collection` uses an existing vector collection by name and id, `domain` an existing
    OpenSearch domain by ARN and endpoint.
    """

    type: Literal["nextgen", "classic", "collection", "domain"] = "nextgen"
    collection_name: Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9-]{2,31}$")] | None = None
    collection_id: Annotated[str, msgspec.Meta(pattern="^[a-z0-9]{3,40}$")] | None = None
    domain_arn: Annotated[str, msgspec.Meta(pattern=r"^arn:[a-z-]+:es:[^:]+:[0-9]{12}:domain/[^/]+$")] | None = None
    domain_endpoint: Annotated[str, msgspec.Meta(pattern=r"^https://[^/\s]+$")] | None = None
    # Of an existing collection: an index in a classic one must name its engine, NextGen rejects that.
    collection_generation: Literal["nextgen", "classic"] = "classic"
    # Classic only: a standby in another zone, for twice the minimum price.
    standby: bool = False

    @property
    def is_classic(self) -> bool:
        """Whether the index is in a classic collection."""
        return self.type == "classic" or (self.type == "collection" and self.collection_generation == "classic")


class HrQaSettings(HrQaOptions, frozen=True, kw_only=True):
    """HR Q&A's settings: those that its functions read, and where its index is."""

    search: SearchSettings = SearchSettings()


class UiSettings(Settings, frozen=True, kw_only=True):
    """Where the web UI (`ui/`) runs: only where someone starts it (`off`), or in ECS Express Mode (`express`)."""

    type: Literal["off", "express"] = "off"
    # The image built from `ui/Dockerfile`, in ECR, with its tag or digest.
    image: (
        Annotated[
            str,
            msgspec.Meta(
                pattern=r"^[0-9]{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/[a-z0-9][a-z0-9._/-]*"
                r"(:[A-Za-z0-9_][A-Za-z0-9_.-]*|@sha256:[0-9a-f]{64})$"
            ),
        ]
        | None
    ) = None
    # Domain prefix of the sign-in page; must be unique in the region.
    sign_in_domain_prefix: Annotated[str, msgspec.Meta(pattern="^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")] | None = None
    # The web UI's address. ECS assigns it at the first deployment; sign-in works from the second one on.
    url: Annotated[str, msgspec.Meta(pattern=r"^https://[a-z0-9.-]+$")] | None = None

    @property
    def deployed(self) -> bool:
        """Whether the stage has a stack for it."""
        return self.type == "express"


class StageSettings(Settings, frozen=True, kw_only=True):
    """One stage. Without `account` and `region` the caller's credentials and region decide where the stacks go."""

    name: Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9-]{0,19}$")]
    account: Annotated[str, msgspec.Meta(pattern="^[0-9]{12}$")] | None = None
    region: Annotated[str, msgspec.Meta(pattern="^[a-z]{2}(-[a-z]+)+-[0-9]$")] | None = None
    # The region where Bedrock is called, if not the stage's (some models are served in few regions).
    model_region: Annotated[str, msgspec.Meta(pattern="^[a-z]{2}(-[a-z]+)+-[0-9]$")] | None = None
    auth: Auth = Auth()
    models: Models = Models()
    # Ids of models that may be used after their end of life (accounts with extended access).
    allow_ended_models: tuple[str, ...] = ()
    guardrail: GuardrailSettings = GuardrailSettings()
    chatbot: ChatbotOptions = ChatbotOptions()
    hr_qa: HrQaSettings = HrQaSettings()
    ui: UiSettings = UiSettings()
    throttling: Throttling = Throttling()
    # Of each function behind the use case's API: a guarantee and a limit, taken from the account's total.
    reserved_concurrency: ReservedConcurrency = ReservedConcurrency()
    streaming: StreamingSettings = StreamingSettings()
    log_retention_days: int = 90
    # Log prompts and answers, including personal data. Off by default.
    payload_logging: bool = False
    # Whether data is kept when its stack is deleted.
    removal_policy: Literal["retain", "destroy"] = "retain"
    alarms: AlarmSettings = AlarmSettings()
    # `host` packages the functions for the interpreter and machine that run the synthesis.
    runtime: Literal["python3.13", "python3.14", "host"] = "python3.13"
    architecture: Literal["arm64", "x86_64", "host"] = "arm64"
    tags: dict[
        Annotated[str, msgspec.Meta(min_length=1, max_length=128)], Annotated[str, msgspec.Meta(max_length=256)]
    ] = {}
    # Origins of browser applications that may call the APIs, such as https://example.com.
    cors_origins: tuple[Annotated[str, msgspec.Meta(pattern=r"^https?://[^/*\s]+$")], ...] = ()

    @property
    def keeps_data(self) -> bool:
        """Whether tables, buckets and logs are kept when their stack is deleted."""
        return self.removal_policy == "retain"

    def stack_name(self, use_case: str) -> str:
        """The name of a use case's stack."""
        return f"bedrock-endpoints-{self.name}-{use_case.replace('_', '-')}"

    @property
    def bedrock_region(self) -> str | None:
        """The region where Bedrock is called; None means the region of the stack."""
        return self.model_region or self.region

    def models_for(self, setting: str) -> tuple[str, ...]:
        """The invocation ids of a model setting, the default first. A use case without models has none."""
        return getattr(self.models, setting, ())

    def options(self, use_case: str) -> Options | None:
        """A use case's own settings; None when it has none."""
        return getattr(self, use_case, None)

    def reserved_concurrency_of(self, use_case: str) -> int | None:
        """The concurrent executions reserved for each function behind a use case's API; None when there are none."""
        return getattr(self.reserved_concurrency, use_case, None)

    @property
    def all_models(self) -> tuple[str, ...]:
        """The invocation ids of all use cases, each once."""
        return tuple(dict.fromkeys(model for setting in MODEL_SETTINGS for model in self.models_for(setting.name)))
