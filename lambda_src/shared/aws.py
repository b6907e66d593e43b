"""One boto3 Session for every client of a function: the Session is the dear part, a further client costs 2-4 ms."""

from functools import cache
from typing import Any

import boto3
from botocore.config import Config

CONNECT_SECONDS = 2
STORE_READ_SECONDS = 5


@cache
def session() -> boto3.session.Session:
    return boto3.session.Session()


@cache
def store_client(service: str) -> Any:
    """A client for S3 or DynamoDB: their own retries, quick to give up."""
    retries: Any = {"mode": "standard", "total_max_attempts": 3}
    options: dict[str, Any] = {"s3": {"addressing_style": "virtual"}} if service == "s3" else {}
    config = Config(connect_timeout=CONNECT_SECONDS, read_timeout=STORE_READ_SECONDS, retries=retries, **options)
    return session().client(service, config=config)


@cache
def model_client(read_seconds: int, region: str | None) -> Any:
    """A Bedrock client whose calls end after `read_seconds`. `bedrock.py` retries, within the deadline; it does not."""
    retries: Any = {"mode": "standard", "total_max_attempts": 1}
    config = Config(
        connect_timeout=CONNECT_SECONDS, read_timeout=read_seconds, retries=retries, max_pool_connections=16
    )
    return session().client("bedrock-runtime", region_name=region, config=config)
