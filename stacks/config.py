"""A stage's settings in `cdk.json`: the only place that declares a setting, its type and its default."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import msgspec

from lambda_src.access.settings import AccessOptions, Issuer, IssuerUrl
from lambda_src.chatbot.settings import ChatbotOptions
from lambda_src.credit_risk.settings import CreditRiskOptions
from lambda_src.hr_qa.settings import HrQaOptions
from lambda_src.registry import CALLER_DATA, MODEL_SETTINGS, USE_CASES, ModelSetting, UseCase
from lambda_src.shared.settings import Budget, Group, Options, RecordOptions
from lambda_src.usage.settings import UsageOptions
from stacks.geography import RESIDENCIES


class Settings(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Base of all settings structs."""


class Auth(Settings, frozen=True, kw_only=True):
    """Who may call. `cognito` without `userPoolArn` creates a user pool for each use case.

    With `issuers` or `apiKeys` every use case has a second API, with the same routes, for those tokens and keys: a
    method of API Gateway has one type of authorization.
    """

    type: Literal["iam", "cognito"] = "iam"
    user_pool_arn: (
        Annotated[str, msgspec.Meta(pattern=r"^arn:[a-z-]+:cognito-idp:[^:]+:[0-9]{12}:userpool/.+$")] | None
    ) = None
    issuers: tuple[Issuer, ...] = ()
    api_keys: bool = False
    # Other AWS accounts whose principals may call, if an administrator there lets them.
    accounts: tuple[Annotated[str, msgspec.Meta(pattern="^[0-9]{12}$")], ...] = ()
    # Groups that may manage API keys and limits, see everyone's use, and erase callers' data. Left out: everyone that
    # the main API's authorization lets in may do so, but nobody may erase others' data.
    admins: tuple[Group, ...] = ()
    # Groups that may see everyone's use.
    auditors: tuple[Group, ...] = ()

    @property
    def accepts_tokens(self) -> bool:
        """Whether use cases have the second API."""
        return self.api_keys or bool(self.issuers)


Region = Annotated[str, msgspec.Meta(pattern="^[a-z]{2}(-[a-z]+)+-[0-9]$")]


# Functions get an id and the ARN of an application inference profile with `=` between them, and models with commas.
ModelId = Annotated[str, msgspec.Meta(pattern=r"^[^=,\s]+$")]


class ApplicationProfile(Settings, frozen=True, kw_only=True):
    """An application inference profile, and the id of the model or inference profile that it was made from.

    https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-create.html
    """

    arn: Annotated[
        str,
        msgspec.Meta(pattern=r"^arn:[a-z-]+:bedrock:[a-z0-9-]+:[0-9]{12}:application-inference-profile/[a-z0-9]+$"),
    ]
    model: ModelId


ModelName = ModelId | ApplicationProfile
# Each adds permissions, and a request has the time for few.
FallbackNames = Annotated[tuple[ModelName, ...], msgspec.Meta(min_length=1, max_length=3)]


class ModelWithFallbacks(Settings, frozen=True, kw_only=True):
    """A model, and those that answer in its place, in this order, when it is throttled, unavailable or too slow."""

    primary: ModelName
    then: FallbackNames


class ModelObject(Settings, frozen=True, kw_only=True):
    """One of `variants`: msgspec allows one type of object in a union. `validation.py` checks it as that variant."""

    variants: ClassVar = (ApplicationProfile, ModelWithFallbacks)
    arn: str = ""
    model: str = ""
    primary: ModelName | None = None
    then: tuple[ModelName, ...] = ()

    def named(self) -> ModelWithFallbacks:
        """The model with its fallbacks; an application inference profile has none."""
        primary = self.primary or ApplicationProfile(arn=self.arn, model=self.model)
        return ModelWithFallbacks(primary=primary, then=self.then)


ModelEntry = ModelId | ModelObject

if TYPE_CHECKING:

    class Models(Settings, frozen=True, kw_only=True):
        """The models a stage offers: a field for each model setting in the registry. None: chosen for its region."""

        def __init__(self, **settings: tuple[ModelEntry, ...] | ModelWithFallbacks | None) -> None: ...

    class ModelRegions(Settings, frozen=True, kw_only=True):
        """The regions that models are called in, where not the stage's: a field for each use case with models."""

        def __init__(self, **regions: str | None) -> None: ...

    UseCaseName = str
    Residency = str
else:
    Models = msgspec.defstruct(
        "Models",
        [(setting.name, tuple[ModelEntry, ...] | ModelWithFallbacks | None, None) for setting in MODEL_SETTINGS],
        bases=(Settings,),
        frozen=True,
        kw_only=True,
    )
    ModelRegions = msgspec.defstruct(
        "ModelRegions",
        [(use_case.name, Region | None, None) for use_case in USE_CASES if use_case.models],
        bases=(Settings,),
        frozen=True,
        kw_only=True,
    )
    # The settings' names, such as hrQa.
    UseCaseName = Literal[tuple(use_case.setting for use_case in USE_CASES)]
    Residency = Literal[("any", "region", *RESIDENCIES)]


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


# Where filters for pictures are generally available.
# https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-mmfilter.html
PICTURE_FILTER_REGIONS = ("ap-northeast-1", "eu-central-1", "us-east-1", "us-west-2")

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

    `policies` change the new guardrails of all use cases, `useCases` those of single ones. `pictures`: whether it
    screens generated pictures, too; by default a new one does where AWS offers it.
    """

    type: Literal["new", "existing", "off"] = "new"
    id: Annotated[str, msgspec.Meta(pattern="^[a-z0-9]+$")] | None = None
    version: Annotated[str, msgspec.Meta(pattern="^([1-9][0-9]*|DRAFT)$")] | None = None
    pictures: bool | None = None
    policies: GuardrailPolicies = GuardrailPolicies()
    use_cases: UseCasePolicies = UseCasePolicies()

    def policies_for(self, use_case: str) -> GuardrailPolicies:
        """The policies of a use case's new guardrail, from the most general to the most specific ones."""
        built_in = DEFAULT_POLICIES.merged_with(USE_CASE_POLICIES.get(use_case, GuardrailPolicies()))
        return built_in.merged_with(self.policies).merged_with(getattr(self.use_cases, use_case, GuardrailPolicies()))


class ExistingTable(Settings, frozen=True, kw_only=True):
    """A table that a use case uses in place of a new one, such as a restored one. See docs/restore.md."""

    table: Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z0-9_.-]{3,255}$")] | None = None


class ExistingStores(ExistingTable, frozen=True, kw_only=True):
    """Also its bucket, of a use case with files."""

    bucket: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")] | None = None


if TYPE_CHECKING:

    class ExistingData(Settings, frozen=True, kw_only=True):
        """Existing tables and buckets: a field for each use case."""

        def __init__(self, **stores: ExistingTable) -> None: ...

else:
    ExistingData = msgspec.defstruct(
        "ExistingData",
        [
            (use_case.name, stores := ExistingStores if use_case.files else ExistingTable, stores())
            for use_case in USE_CASES
        ],
        bases=(Settings,),
        frozen=True,
        kw_only=True,
    )

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


class AlarmThresholds(Settings, frozen=True, kw_only=True):
    """At or above which values alarms fire, in 5 minutes each."""

    # Responses of an API with status 500 or above.
    server_errors: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 5
    # Share of an API's requests that are refused.
    client_error_share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.5
    # p99 of an API and of the function behind it. The gateway gives up after 29 s, so more would never fire.
    slow_api_milliseconds: Annotated[int, msgspec.Meta(ge=1, le=29_000)] = 27_000
    slow_function_milliseconds: Annotated[int, msgspec.Meta(ge=1, le=29_000)] = 25_000
    function_errors: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    function_throttles: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    # Of a queue's oldest message. Queues drop messages after 14 days.
    old_message_seconds: Annotated[int, msgspec.Meta(ge=60, le=14 * 24 * 3600)] = 3_600


DEFAULT_THRESHOLDS = AlarmThresholds()


class AlarmSettings(Settings, frozen=True, kw_only=True):
    """Where alarms are sent: an e-mail address (through a new topic), or an existing SNS topic. Optional."""

    email: Annotated[str, msgspec.Meta(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")] | None = None
    topic_arn: Annotated[str, msgspec.Meta(pattern=r"^arn:[a-z-]+:sns:[^:]+:[0-9]{12}:[^:]+$")] | None = None
    thresholds: AlarmThresholds = DEFAULT_THRESHOLDS


class AuditSettings(Settings, frozen=True, kw_only=True):
    """The audit trail: how long its records are kept, whether they contain texts, and the key that encrypts them."""

    retention_days: int = 400
    # Questions and answers, including personal data. Deleting a resource does not delete them here.
    contents: bool = False
    # By default CloudWatch Logs' own.
    kms_key: (
        Annotated[
            str,
            msgspec.Meta(
                pattern=r"^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/"
                r"([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32})$"
            ),
        ]
        | None
    ) = None


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
    # Another number is another index, into which all documents are read again.
    index_revision: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0

    @property
    def is_classic(self) -> bool:
        """Whether the index is in a classic collection."""
        return self.type == "classic" or (self.type == "collection" and self.collection_generation == "classic")


class HrQaSettings(HrQaOptions, frozen=True, kw_only=True):
    """HR Q&A's settings: those that its functions read, and where its index is."""

    search: SearchSettings = SearchSettings()


class CreditRiskSettings(CreditRiskOptions, frozen=True, kw_only=True):
    """Credit risk's settings: those that its functions read, and whether a model writes letters about scores."""

    letters: bool = False

    def environment(self) -> dict[str, str]:
        """Without `letters`: the API's function writes them if it has models."""
        return {name: value for name, value in super().environment().items() if name != "LETTERS"}


class SignIn(Settings, frozen=True, kw_only=True):
    """The web UI's client at an identity provider whose tokens the APIs accept. People call with their own tokens."""

    issuer: IssuerUrl
    client_id: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._:/-]{1,255}$")]
    # JSON with the field `clientSecret`. The ARN is complete, with the six characters at its end.
    client_secret_arn: Annotated[
        str,
        msgspec.Meta(
            pattern=r"^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}$"
        ),
    ]
    # Which of a person's tokens the APIs accept.
    token: Literal["id", "access"] = "id"  # noqa: S105 (a name)

    @property
    def uses_id_token(self) -> bool:
        return self.token == "id"  # noqa: S105 (a name)


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
    # With it, people call the APIs as themselves. Left out: a user pool of the web UI's own, and one role for everyone.
    sign_in: SignIn | None = None
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
    region: Region | None = None
    # Left out: all that have a model for the region.
    use_cases: tuple[UseCaseName, ...] | None = None
    auth: Auth = Auth()
    models: Models = Models()
    # Some models are served in few regions: the data of these use cases leaves the stage's region.
    model_regions: ModelRegions = ModelRegions()
    # Where models may process data: every region that a model's calls may reach must lie there.
    residency: Residency = "any"
    # An application inference profile for each use case and model, with tags that split Bedrock's bill.
    cost_profiles: bool = False
    # Ids of models that may be used after their end of life (accounts with extended access).
    allow_ended_models: tuple[str, ...] = ()
    guardrail: GuardrailSettings = GuardrailSettings()
    image_generation: RecordOptions = RecordOptions()
    summarization: RecordOptions = RecordOptions()
    chatbot: ChatbotOptions = ChatbotOptions()
    hr_qa: HrQaSettings = HrQaSettings()
    credit_risk: CreditRiskSettings = CreditRiskSettings()
    ui: UiSettings = UiSettings()
    throttling: Throttling = Throttling()
    # Of each function behind the use case's API: a guarantee and a limit, taken from the account's total.
    reserved_concurrency: ReservedConcurrency = ReservedConcurrency()
    # Limits on what callers, teams and the stage use of the models.
    budgets: tuple[Budget, ...] = ()
    # Record what callers use, and report it. Stages with budgets do so anyway.
    usage_reports: bool = False
    # Whether callers can have what the stage keeps of them erased, and export it.
    caller_data: bool = False
    # A record of each request, apart from the functions' logs. Left out: none.
    audit: AuditSettings | None = None
    # A CloudWatch dashboard, billed monthly.
    dashboard: bool = False
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
    # Tables and buckets to use in place of new ones.
    existing_data: ExistingData = ExistingData()
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

    def caller_data_function(self, use_case: str) -> str:
        """The name of a use case's function that erases and exports."""
        return f"{self.stack_name(use_case)}-caller-data"

    @property
    def chosen_use_cases(self) -> tuple[UseCase, ...]:
        """The use cases that the stage has."""
        names = self.use_cases
        return tuple(use_case for use_case in USE_CASES if names is None or use_case.setting in names)

    def model_region(self, use_case: str) -> str | None:
        """The region that a use case's models are called in; None means the region of the stack."""
        return getattr(self.model_regions, use_case, None) or self.region

    @property
    def screens_pictures(self) -> bool:
        """Whether the guardrail of image generation has filters for pictures."""
        if self.guardrail.type == "off":
            return False
        if self.guardrail.pictures is not None:
            return self.guardrail.pictures
        return self.guardrail.type == "new" and self.region in PICTURE_FILTER_REGIONS

    @property
    def guardrail_region(self) -> str | None:
        """The region of the guardrail: a new one is in the stage's, an existing one where text models are called."""
        if self.guardrail.type == "existing":
            for use_case in self.chosen_use_cases:
                if self.calls_text_models(use_case):
                    return self.model_region(use_case.name)
        return self.region

    def leaves_region(self, use_case: str) -> bool:
        """Whether a use case's models are called in another region than the stage's."""
        return self.model_region(use_case) != self.region

    def model_settings(self, use_case: UseCase) -> tuple[ModelSetting, ...]:
        """The use case's model settings, without those for what the stage has turned off."""
        options = self.options(use_case.name)
        return tuple(each for each in use_case.models if each.option is None or getattr(options, each.option))

    def calls_text_models(self, use_case: UseCase) -> bool:
        """Whether the guardrail is part of the use case's model calls, so that it must be in their region."""
        return any(setting.purpose == "text" for setting in self.model_settings(use_case))

    def offered(self, setting: str) -> tuple[ModelWithFallbacks, ...]:
        """The models of a model setting, the default first. A use case without models has none."""
        value: tuple[ModelEntry, ...] | ModelWithFallbacks | None = getattr(self.models, setting, None)
        if isinstance(value, ModelWithFallbacks):
            return (value,)
        return tuple(
            ModelWithFallbacks(primary=entry, then=()) if isinstance(entry, str) else entry.named()
            for entry in value or ()
        )

    def models_for(self, setting: str) -> tuple[str, ...]:
        """The invocations that a model setting offers as `catalog.resolve` reads them, the default first."""
        return tuple(_invocation(model.primary) for model in self.offered(setting))

    def fallbacks_for(self, setting: str) -> tuple[tuple[str, ...], ...]:
        """The invocations of each model with fallbacks: its own, then theirs."""
        chains = ((model.primary, *model.then) for model in self.offered(setting) if model.then)
        return tuple(tuple(map(_invocation, chain)) for chain in chains)

    def called_models_for(self, setting: str) -> tuple[str, ...]:
        """The invocations of a model setting, fallbacks included, each once."""
        fallbacks = (model for chain in self.fallbacks_for(setting) for model in chain)
        return tuple(dict.fromkeys((*self.models_for(setting), *fallbacks)))

    def options(self, use_case: str) -> Options | None:
        """A use case's own settings; None when it has none."""
        options = getattr(self, use_case, None)
        return options if isinstance(options, Options) else None

    @property
    def access(self) -> AccessOptions:
        """What the functions that manage and check keys and tokens read of the settings."""
        use_cases = tuple(use_case.id for use_case in self.chosen_use_cases)
        if self.caller_data:
            use_cases = (*use_cases, CALLER_DATA.id)
        return AccessOptions(
            admins=self.auth.admins, groups=self.groups, issuers=self.auth.issuers, use_cases=use_cases
        )

    @property
    def records_usage(self) -> bool:
        """Whether the stage records what callers use."""
        return self.usage_reports or bool(self.budgets)

    @property
    def usage(self) -> UsageOptions:
        """What the function that reports usage reads of the settings."""
        return UsageOptions(admins=self.auth.admins, auditors=self.auth.auditors)

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups that settings name, in order."""
        shared = (group for space in self.hr_qa.spaces for group in (*space.readers, *space.writers))
        roles = (group for role in self.credit_risk.roles for group in role.groups)
        return tuple(sorted({*shared, *roles, *self.auth.admins, *self.auth.auditors} - {"*"}))

    def existing_table(self, use_case: str) -> str | None:
        """The existing table that the use case uses; None for a new one."""
        table: str | None = getattr(getattr(self.existing_data, use_case, None), "table", None)
        return table

    def existing_bucket(self, use_case: str) -> str | None:
        """The existing bucket that the use case uses; None for a new one."""
        bucket: str | None = getattr(getattr(self.existing_data, use_case, None), "bucket", None)
        return bucket

    def reserved_concurrency_of(self, use_case: str) -> int | None:
        """The concurrent executions reserved for each function behind a use case's API; None when there are none."""
        return getattr(self.reserved_concurrency, use_case, None)

    @property
    def models_by_region(self) -> dict[str | None, tuple[str, ...]]:
        """The invocations of all chosen use cases, fallbacks included, each once, by the region of their calls."""
        by_region: dict[str | None, dict[str, None]] = {}
        for use_case in self.chosen_use_cases:
            for setting in self.model_settings(use_case):
                models = by_region.setdefault(self.model_region(use_case.name), {})
                models.update(dict.fromkeys(self.called_models_for(setting.name)))
        return {region: tuple(models) for region, models in by_region.items()}

    @property
    def all_models(self) -> tuple[str, ...]:
        """The invocations of all chosen use cases, each once."""
        return tuple(dict.fromkeys(model for models in self.models_by_region.values() for model in models))


def _invocation(model: ModelName) -> str:
    return model if isinstance(model, str) else f"{model.model}={model.arn}"
