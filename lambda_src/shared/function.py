"""Builds what a function needs, once per process."""

from collections.abc import Callable, Sequence
from typing import Any

from lambda_src.shared import aws
from lambda_src.shared.bedrock import PLAIN_READ_SECONDS, Bedrock
from lambda_src.shared.http import Api
from lambda_src.shared.idempotency import IdempotencyStore
from lambda_src.shared.routes import Route
from lambda_src.shared.settings import Settings, SettingsType, read_settings


def make_handler(
    routes: Sequence[Route],
    make_service: Callable[[SettingsType, Bedrock], Any],
    settings_type: type[SettingsType] = Settings,  # type: ignore[assignment]
) -> Api:
    """The Lambda handler of a use case, from its route table and its service's class.

    Raises `msgspec.ValidationError` when the environment lacks a setting.
    """
    settings = read_settings(settings_type)
    return Api(routes, make_service(settings, make_bedrock(settings)), settings, IdempotencyStore(settings.table_name))


def make_bedrock(settings: Settings) -> Bedrock:
    """Bedrock with its first client, which is created during initialization, when the function has a full CPU."""
    aws.model_client(PLAIN_READ_SECONDS, settings.model_region)
    return Bedrock(settings)
