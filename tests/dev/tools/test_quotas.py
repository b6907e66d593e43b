"""Quota names are matched with models and profiles; test_doctor.py tests the findings."""

import pytest

from dev.tools.quotas import applies
from lambda_src.shared.catalog import resolve

CLAUDE, TITAN = "us.anthropic.claude-haiku-4-5-20251001-v1:0", "amazon.titan-embed-text-v2:0"


@pytest.mark.parametrize(
    ("name", "model", "expected"),
    [
        ("On-demand model inference requests per minute for Amazon Titan Text Embeddings V2", TITAN, True),
        ("On-demand model inference requests per minute for Amazon Titan Text Embeddings", TITAN, False),
        ("Cross-region model inference tokens per minute for Anthropic Claude Haiku 4.5 V1", CLAUDE, True),
        ("Model invocation max tokens per day for Anthropic Claude Haiku 4.5 V1 (doubled)", CLAUDE, True),
        ("Global cross-region model inference tokens per minute for Anthropic Claude Haiku 4.5 V1", CLAUDE, False),
        ("Cross-region model inference tokens per minute for Claude Haiku 4.5 V1 1M Context Length", CLAUDE, False),
        ("On-demand model inference tokens per minute for Anthropic Claude Haiku 4.5", CLAUDE, False),
        ("Records per batch inference job for Anthropic Claude Haiku 4.5", CLAUDE, False),
        (
            "On-demand latency-optimized model inference requests per minute for Nova Pro",
            "us.amazon.nova-pro-v1:0",
            False,
        ),
    ],
)
def test_quotas_apply_to_models_and_profiles(name: str, model: str, expected: bool) -> None:
    assert applies(name, resolve(model)) is expected
