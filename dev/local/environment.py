"""
Environment variables of the local stage's processes.

The user's AWS settings (profile, session token, CA bundle, endpoint) must not reach the local stage: a local deployment
could go to a real account. So every environment is built from an allowlist and never inherited.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dev.local.ports import LOOPBACK

# The emulator's root credentials bypass all policies, so only the deployment uses them.
ROOT_KEY = "test"
DEFAULT_REGION = "us-east-1"
ACCOUNT = "000000000000"

_BASE = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER")
# Bundling downloads packages: the machine's proxy and index settings are passed on.
_PACKAGES = (
    "ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "PIP_CERT", "PIP_CONFIG_FILE", "PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL",
    "SSL_CERT_DIR", "SSL_CERT_FILE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "all_proxy", "http_proxy", "https_proxy",
)  # fmt: skip


@dataclass(frozen=True)
class Endpoint:
    """The emulator's port and its certificate authority."""

    port: int
    authority: Path
    region: str = DEFAULT_REGION

    @property
    def url(self) -> str:
        """For SDKs. An IP address makes SDKs use path-style bucket URLs, which need no DNS."""
        return f"https://{LOOPBACK}:{self.port}"


def region(root: Path) -> str:
    """The region of the stage `local` in cdk.json."""
    try:
        stages = json.loads((root / "cdk.json").read_text(encoding="utf-8"))["context"]["stages"]
    except (OSError, ValueError, KeyError):
        return DEFAULT_REGION
    return str(stages.get("local", {}).get("region", DEFAULT_REGION))


def _picked(source: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    return {name: source[name] for name in names if name in source}


def _aws(endpoint: Endpoint) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": endpoint.url,
        "AWS_CA_BUNDLE": str(endpoint.authority),
        "AWS_REGION": endpoint.region,
        "AWS_DEFAULT_REGION": endpoint.region,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def for_emulator(
    endpoint: Endpoint,
    models_url: str,
    search_url: str,
    state: Path,
    temporary: Path,
    source: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """The emulator's environment, which its functions inherit."""
    return {
        **_picked(source, _BASE),
        **_aws(endpoint),
        "AWS_ACCESS_KEY_ID": ROOT_KEY,
        "AWS_SECRET_ACCESS_KEY": ROOT_KEY,
        "AUTH": "true",
        "BIND_HOST": LOOPBACK,
        "GATEWAY_PORT": str(endpoint.port),
        "MINISTACK_REGION": endpoint.region,
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "PERSIST_STATE": "1",
        "STATE_DIR": str(state),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(state / "s3"),
        "TMPDIR": str(temporary),
        "LOCAL_MODELS_URL": models_url,
        "LOCAL_SEARCH_URL": search_url,
        # The delay until a write is visible. OpenSearch Serverless documents none; seconds are common.
        "LOCAL_SEARCH_REFRESH": source.get("LOCAL_SEARCH_REFRESH", "3s"),
        # SDKs read AWS_CA_BUNDLE; connections to the search endpoint read this variable.
        "SSL_CERT_FILE": str(endpoint.authority),
        # A running function uses one thread and its model call another.
        "MINISTACK_WORKER_THREADS": "128",
        # Seconds until an idle function process is stopped: a burst leaves dozens of them, 50 MB each.
        "LAMBDA_WARM_TTL_SECONDS": "120",
        "PYTHONUNBUFFERED": "1",
    }


def for_models(log: Path, source: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The local models' environment."""
    return {
        **_picked(source, _BASE),
        "LOCAL_MODELS_LOG": str(log),
        "PYTHONUNBUFFERED": "1",
        # OpenMP's idle threads spin by default: the two models would compete for the cores and run ten times slower.
        "OMP_WAIT_POLICY": "PASSIVE",
        # By default, glibc has eight heaps per core and keeps freed pictures in them: the process grew past a gigabyte.
        "MALLOC_ARENA_MAX": "2",
        "MALLOC_MMAP_THRESHOLD_": "1000000",
        "MALLOC_TRIM_THRESHOLD_": "1000000",
    }


def for_search(source: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The search engine's environment. The first start downloads the engine."""
    trust = source.get("REQUESTS_CA_BUNDLE") or source.get("SSL_CERT_FILE") or source.get("PIP_CERT")
    return {
        **_picked(source, _BASE),
        **_picked(source, (*_PACKAGES, "NO_PROXY", "no_proxy")),
        **({"REQUESTS_CA_BUNDLE": trust} if trust else {}),
        "PYTHONUNBUFFERED": "1",
    }


def for_project(source: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of the services that run in the project's own: the issuer, and the web UI, which discovers the
    stage in `.local/`."""
    return {**_picked(source, _BASE), "PYTHONUNBUFFERED": "1"}


def for_cdk(endpoint: Endpoint, programs: Path, source: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The CDK CLI's environment. `programs` is the folder of Python, node, and uv, first on the PATH."""
    uv = {name: value for name, value in source.items() if name.startswith("UV_")}
    unproxied = ",".join(filter(None, (f"{LOOPBACK},localhost", source.get("NO_PROXY"))))
    return {
        **_picked(source, _BASE),
        **_picked(source, _PACKAGES),
        **uv,
        **_aws(endpoint),
        "AWS_ACCESS_KEY_ID": ROOT_KEY,
        "AWS_SECRET_ACCESS_KEY": ROOT_KEY,
        "NODE_EXTRA_CA_CERTS": str(endpoint.authority),
        "NO_PROXY": unproxied,
        "no_proxy": unproxied,
        "PATH": f"{programs}{os.pathsep}{source.get('PATH', os.defpath)}",
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "CI": "true",
    }
