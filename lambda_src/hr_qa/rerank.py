"""Reorders the best chunks with a model that reads question and chunk together."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lambda_src.hr_qa.ranking import Ranked
from lambda_src.hr_qa.settings import HrSettings
from lambda_src.shared import aws
from lambda_src.shared.catalog import Invocation, resolve
from lambda_src.shared.context import Context
from lambda_src.shared.observability import logger

# How many chunks the model reads. Retrieval rarely ranks a relevant one lower.
CANDIDATES = 30
READ_SECONDS = 5


class Reranker:
    """Bedrock's Rerank of the first candidates. When it fails, the order stays the same."""

    def __init__(self, invocation: Invocation, model_arn: str, client: Any) -> None:
        self._invocation = invocation
        self._arn = model_arn
        self._client = client

    @classmethod
    def from_settings(cls, settings: HrSettings) -> "Reranker | None":
        """The stage's reranker, if it has one."""
        if settings.rerank_model is None:
            return None
        # One short attempt: answers are good without it, too.
        client = aws.slow_client("bedrock-agent-runtime", READ_SECONDS, 1, settings.model_region)
        region = client.meta.region_name
        arn = f"arn:{client.meta.partition}:bedrock:{region}::foundation-model/{settings.rerank_model}"
        return cls(resolve(settings.rerank_model), arn, client)

    def rerank(self, context: Context, question: str, ranked: list[Ranked]) -> list[Ranked]:
        """The candidates ordered by the model's relevance, followed by the others."""
        first = ranked[:CANDIDATES]
        if len(first) < 2:
            return ranked
        sources = [
            {"type": "INLINE", "inlineDocumentSource": {"type": "TEXT", "textDocument": {"text": _text(candidate)}}}
            for candidate in first
        ]
        model = {"modelConfiguration": {"modelArn": self._arn}, "numberOfResults": len(first)}
        try:
            answer = self._client.rerank(
                queries=[{"type": "TEXT", "textQuery": {"text": question}}],
                sources=sources,
                rerankingConfiguration={"type": "BEDROCK_RERANKING_MODEL", "bedrockRerankingConfiguration": model},
            )
        except (ClientError, BotoCoreError) as error:
            # The order of retrieval is good enough to answer the question.
            logger.warning("rerank failed", request_id=context.request_id, error=type(error).__name__)
            return ranked
        context.count_call(self._invocation, 0)
        context.used(self._invocation).add(queries=1)
        reranked = [Ranked(first[result["index"]].hit, result["relevanceScore"]) for result in answer["results"]]
        keys = {candidate.hit.key for candidate in reranked}
        return [*reranked, *(candidate for candidate in ranked if candidate.hit.key not in keys)]


def _text(candidate: Ranked) -> str:
    """A chunk with its document and its headings, which may have the words that the text lacks."""
    hit = candidate.hit
    return "\n".join(filter(None, (hit.title, hit.heading, hit.text)))
