"""One Session for every client of a function: the Session is the dear part, a further client costs 2-4 ms."""

import os
from functools import cache
from typing import Any

import botocore.session
from botocore.config import Config

CONNECT_SECONDS = 2
STORE_READ_SECONDS = 5
# As many calls to a model as any function makes at once; connections are opened when they are needed.
CONNECTIONS = 32


@cache
def session() -> Any:
    """boto3's own core: its clients are these, and importing boto3 itself (transfer manager, resources) costs 15 ms."""
    return botocore.session.get_session()


@cache
def store_client(service: str) -> Any:
    """A client for S3 or DynamoDB: their own retries, quick to give up."""
    retries: Any = {"mode": "standard", "total_max_attempts": 3}
    options = _s3_options() if service == "s3" else {}
    config = Config(connect_timeout=CONNECT_SECONDS, read_timeout=STORE_READ_SECONDS, retries=retries, **options)
    return session().create_client(service, config=config)


def _s3_options() -> dict[str, Any]:
    """Presigned URLs with the current signature, on the bucket's regional host.

    botocore left to itself presigns by signature version 2, or on the global host, which redirects and so breaks the
    signature. A configured endpoint keeps the bucket in the path: its host has no certificate for buckets' names.
    """
    configured = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    style = "auto" if configured else "virtual"
    return {"signature_version": "s3v4", "s3": {"addressing_style": style}}


@cache
def slow_client(service: str, read_seconds: int, attempts: int, region: str | None = None) -> Any:
    """A client for a service that takes its time, such as one that runs a model."""
    retries: Any = {"mode": "standard", "total_max_attempts": attempts}
    config = Config(connect_timeout=CONNECT_SECONDS, read_timeout=read_seconds, retries=retries)
    return session().create_client(service, region_name=region, config=config)


@cache
def model_client(read_seconds: int, region: str | None) -> Any:
    """A Bedrock client whose calls end after `read_seconds`. `bedrock.py` retries, within the deadline; it does not."""
    retries: Any = {"mode": "standard", "total_max_attempts": 1}
    config = Config(
        connect_timeout=CONNECT_SECONDS, read_timeout=read_seconds, retries=retries, max_pool_connections=CONNECTIONS
    )
    return session().create_client("bedrock-runtime", region_name=region, config=config)
