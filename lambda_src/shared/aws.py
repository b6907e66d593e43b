"""botocore clients from one Session: a Session costs about 50 ms, a second client in it 2-4 ms."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from lambda_src.shared.errors import Unavailable

CONNECT_SECONDS = 2
STORE_READ_SECONDS = 5
STORE_RETRY_AFTER_SECONDS = 2
# The most concurrent calls to a model that any function makes. Connections are opened on demand.
CONNECTIONS = 32


@cache
def session() -> Any:
    """botocore alone: boto3 builds on the same clients, and importing it (transfer manager, resources) costs 15 ms."""
    return botocore.session.get_session()


@cache
def store_client(service: str) -> Any:
    """A client for S3, DynamoDB or SQS, with botocore's retries and short timeouts."""
    retries: Any = {"mode": "standard", "total_max_attempts": 3}
    options = _s3_options() if service == "s3" else {}
    config = Config(connect_timeout=CONNECT_SECONDS, read_timeout=STORE_READ_SECONDS, retries=retries, **options)
    return session().create_client(service, config=config)


@contextmanager
def store_errors() -> Iterator[None]:
    """Turns errors of S3, DynamoDB and SQS into `Unavailable`."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise store_unavailable(type(error).__name__) from error


def store_unavailable(reason: str) -> Unavailable:
    """The error for a store that does not do what it was asked."""
    return Unavailable(f"The store cannot be reached at the moment ({reason}).", retry_after=STORE_RETRY_AFTER_SECONDS)


def _s3_options() -> dict[str, Any]:
    """Presigned URLs with the current signature, on the bucket's regional host.

    By default botocore presigns with signature version 2, or on the global host, whose redirect breaks the signature.
    A configured endpoint keeps the bucket in the path: its host has no certificate for bucket names.
    """
    configured = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    style = "auto" if configured else "virtual"
    return {"signature_version": "s3v4", "s3": {"addressing_style": style}}


@cache
def slow_client(service: str, read_seconds: int, attempts: int, region: str | None = None) -> Any:
    """A client for a service with long response times, such as one that runs a model."""
    retries: Any = {"mode": "standard", "total_max_attempts": attempts}
    config = Config(connect_timeout=CONNECT_SECONDS, read_timeout=read_seconds, retries=retries)
    return session().create_client(service, region_name=region, config=config)


@cache
def model_client(read_seconds: int, region: str | None) -> Any:
    """A Bedrock client whose calls time out after `read_seconds`. It never retries: `bedrock.py` does, in time."""
    retries: Any = {"mode": "standard", "total_max_attempts": 1}
    config = Config(
        connect_timeout=CONNECT_SECONDS, read_timeout=read_seconds, retries=retries, max_pool_connections=CONNECTIONS
    )
    return session().create_client("bedrock-runtime", region_name=region, config=config)
