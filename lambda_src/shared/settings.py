"""A function's settings, read once at start-up from its environment."""

import os
import typing
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from lambda_src.shared.catalog import Invocation, resolve
from lambda_src.shared.context import Context
from lambda_src.shared.errors import Forbidden, InvalidRequest

# A name that administrators choose.
Group = Annotated[str, msgspec.Meta(pattern=r"^[^*,\[\]\s]{1,128}$")]
BudgetPer = Literal["caller", "team", "stage"]
BudgetOf = Literal["requests", "tokens", "usd"]
Every = Literal["minute", "day", "month"]


class Budget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """At most `limit` requests, tokens or US dollars in a calendar minute, day or month (UTC).

    Each caller has the limit, or each team for its callers together, or the stage for all of them. `warn` lists shares
    of the limit: an event is sent when use first reaches one, at 1 also when a request is refused.
    """

    per: BudgetPer
    of: BudgetOf
    every: Every
    limit: Annotated[float, msgspec.Meta(ge=0.000001, le=1_000_000_000_000)]
    warn: Annotated[tuple[Annotated[float, msgspec.Meta(gt=0, le=1)], ...], msgspec.Meta(max_length=3)] = ()


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of every function. Each field is an environment variable, named like the field in capitals."""

    stage: str
    use_case: str
    table_name: str
    models: tuple[str, ...] = ()
    # Each: a model, and those that answer in its place, in this order, when it cannot.
    fallbacks: tuple[tuple[str, ...], ...] = ()
    bucket_name: str | None = None
    guardrail_id: str | None = None
    guardrail_version: str | None = None
    payload_logging: bool = False
    cors_origins: tuple[str, ...] = ()
    # Set where they are not the function's own region.
    model_region: str | None = None
    guardrail_region: str | None = None
    # Whether the guardrail has filters for pictures.
    guardrail_pictures: bool = False
    budgets: tuple[Budget, ...] = ()
    budgets_table: str = ""
    # Of stages that record what callers use.
    usage_table: str = ""
    # After how many days new records expire, see `RecordStore`. 0: never.
    record_days: int = 0
    # The log group of stages with an audit trail.
    audit_group: str = ""
    audit_contents: bool = False

    @property
    def use_case_id(self) -> str:
        """The name in kebab case, as callers know it."""
        return self.use_case.replace("_", "-")

    def admits(self, roles: tuple[str, ...], groups: frozenset[str], *, by_token: bool) -> bool:
        """Whether a caller in these groups may call a route of these roles. A use case with roles says which may.

        `by_token`: the caller has no IAM policies, which would limit the routes.
        """
        return True

    def model(self, context: Context, requested: str | None, path: str = "body.model") -> Invocation:
        """The model to call: the requested one if the stage offers it, or the first that the caller may call.

        Both the invocation id and the bare model id name an offered model; an application inference profile has those
        of the model that it was made from. Raises `InvalidRequest`, at `path`, for any other, and `Forbidden` when the
        caller's key is not for it.
        """
        allowed = context.grant.models
        if requested is None and allowed is None:
            return resolve(self.models[0])
        offered = list(map(resolve, self.models))
        chosen = [each for each in offered if requested in (None, each.id, each.model.id)]
        if not chosen:
            raise InvalidRequest.at(path, f"not offered here; one of: {', '.join(each.id for each in offered)}")
        for invocation in chosen:
            if allowed is None or invocation.model.id in allowed:
                return invocation
        raise Forbidden("This key is not for this model." if requested else "This key is for none of the models here.")


class Options(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A use case's own settings, declared once: a stage has them in `cdk.json` under the use case's name, and its
    functions read them from one environment variable per field, named like the field in capitals."""

    def environment(self) -> dict[str, str]:
        """The functions' variables. Fields that are structs are for the deployment only and have none, and neither have
        empty lists."""
        values = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return {
            name.upper(): _text(value)
            for name, value in values
            if not isinstance(value, msgspec.Struct) and value != ()
        }


class RecordOptions(Options, frozen=True, kw_only=True):
    """The setting of a use case whose data is records."""

    # Records expire this many days after they were made. 0: never.
    retention_days: Annotated[int, msgspec.Meta(ge=0, le=3_650)] = 0

    def environment(self) -> dict[str, str]:
        return {"RECORD_DAYS": str(self.retention_days)} if self.retention_days else {}


SettingsType = TypeVar("SettingsType", bound=Settings)
AnySettings = TypeVar("AnySettings", bound=msgspec.Struct)


def read_settings(settings_type: type[AnySettings], environment: Mapping[str, str] = os.environ) -> AnySettings:
    """A function's settings. Raises `msgspec.ValidationError` naming the variable that is missing or wrong."""
    return msgspec.convert(_values(settings_type, environment), settings_type, strict=False)


def _values(settings_type: type[msgspec.Struct], environment: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(settings_type):
        if isinstance(field.type, type) and issubclass(field.type, Options):
            values[field.encode_name] = _values(field.type, environment)
        elif value := environment.get(field.name.upper()):
            values[field.encode_name] = _value(field, value)
    return values


def _value(field: msgspec.structs.FieldInfo, text: str) -> Any:
    if typing.get_origin(field.type) is not tuple:
        return text
    # A list of texts, or of objects as JSON.
    element = typing.get_args(field.type)[0]
    return _list(text) if element is str else msgspec.json.decode(text)


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return msgspec.json.encode(value).decode()
    return str(value).lower() if isinstance(value, bool) else str(value)


def _list(value: str) -> list[str]:
    return [item.strip() for item in value.split(",") if item.strip()]
