"""Configuration of the clients."""

from urllib.parse import parse_qs, urlsplit

import pytest

from lambda_src.shared import aws


@pytest.mark.parametrize(
    ("endpoint", "host", "path"),
    [
        (None, "pictures.s3.us-west-2.amazonaws.com", "/images/a.png"),
        ("https://localhost:4566", "localhost:4566", "/pictures/images/a.png"),
    ],
)
def test_urls_are_signed_for_the_buckets_region(
    monkeypatch: pytest.MonkeyPatch, endpoint: str | None, host: str, path: str
) -> None:
    if endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    client = aws.store_client.__wrapped__("s3")
    url = client.generate_presigned_url(
        "get_object", Params={"Bucket": "pictures", "Key": "images/a.png"}, ExpiresIn=60
    )
    parts = urlsplit(url)
    assert (parts.netloc, parts.path) == (host, path)
    assert parse_qs(parts.query)["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]


def test_a_model_client_has_a_timeout_and_no_retries() -> None:
    config = aws.model_client(7, "us-east-1").meta.config
    assert (config.read_timeout, config.connect_timeout, config.region_name) == (7, aws.CONNECT_SECONDS, "us-east-1")
    assert config.retries["total_max_attempts"] == 1
    assert aws.CONNECT_SECONDS <= 3
