"""A function's environment, read once at start into one frozen object."""

import os
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from lambda_src.shared.catalogue import Invocation, resolve
from lambda_src.shared.errors import InvalidRequest


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a stage says about one use case. Names of the variables: the fields' names in capitals."""

    stage: str
    use_case: str
    table_name: str
    models: tuple[str, ...] = ()
    bucket_name: str | None = None
    guardrail_id: str | None = None
    guardrail_version: str | None = None
    payload_logging: bool = False
    cors_origins: tuple[str, ...] = ()
    model_region: str | None = None

    def model(self, requested: str | None, path: str = "body.model") -> Invocation:
        """The model to call: the stage's default, or the requested one if the stage offers it.

        Both the invocation id and the bare model id name an offered model. Raises `InvalidRequest`, at `path`, for any
        other.
        """
        if requested is None:
            return resolve(self.models[0])
        for invocation in map(resolve, self.models):
            if requested in (invocation.id, invocation.model.id):
                return invocation
        raise InvalidRequest.at(path, f"not offered here; one of: {', '.join(self.models)}")


SettingsType = TypeVar("SettingsType", bound=Settings)
AnySettings = TypeVar("AnySettings", bound=msgspec.Struct)


def read_settings(kind: type[AnySettings], environment: Mapping[str, str] = os.environ) -> AnySettings:
    """A function's settings. Raises `msgspec.ValidationError` naming the variable that is missing or wrong."""
    known = {}
    for field in kind.__struct_fields__:
        value = environment.get(field.upper())
        if value:
            known[field] = _list(value) if field in ("models", "cors_origins") else value
    return msgspec.convert(known, kind, strict=False)


def _list(value: str) -> list[str]:
    return [item.strip() for item in value.split(",") if item.strip()]
