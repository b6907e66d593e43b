"""A model that reads question and chunk together, to put the best chunks in a better order."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lambda_src.hr_qa.ranking import Ranked
from lambda_src.hr_qa.settings import HrSettings
from lambda_src.shared import aws
from lambda_src.shared.catalogue import Invocation, resolve
from lambda_src.shared.context import Context
from lambda_src.shared.observability import logger

# What the model reads: beyond these, retrieval has put little that matters.
CANDIDATES = 30
READ_SECONDS = 5


class Reranker:
    """Bedrock's Rerank over the first candidates. When it fails, the order stays as it was."""

    def __init__(self, invocation: Invocation, model_arn: str, client: Any) -> None:
        self._invocation = invocation
        self._arn = model_arn
        self._client = client

    @classmethod
    def of(cls, settings: HrSettings) -> "Reranker | None":
        """The stage's, if it has one."""
        if settings.rerank_model is None:
            return None
        # It improves an answer that is good without it: one short try.
        client = aws.slow_client("bedrock-agent-runtime", READ_SECONDS, 1, settings.model_region)
        region = client.meta.region_name
        arn = f"arn:{client.meta.partition}:bedrock:{region}::foundation-model/{settings.rerank_model}"
        return cls(resolve(settings.rerank_model), arn, client)

    def rerank(self, context: Context, question: str, ranked: list[Ranked]) -> list[Ranked]:
        """The candidates by the model's relevance, the others behind them."""
        first = ranked[:CANDIDATES]
        if len(first) < 2:
            return ranked
        sources = [
            {"type": "INLINE", "inlineDocumentSource": {"type": "TEXT", "textDocument": {"text": one.hit.text}}}
            for one in first
        ]
        model = {"modelConfiguration": {"modelArn": self._arn}, "numberOfResults": len(first)}
        try:
            answer = self._client.rerank(
                queries=[{"type": "TEXT", "textQuery": {"text": question}}],
                sources=sources,
                rerankingConfiguration={"type": "BEDROCK_RERANKING_MODEL", "bedrockRerankingConfiguration": model},
            )
        except (ClientError, BotoCoreError) as error:
            # The order of retrieval is a good one, too: no reason to leave the question unanswered.
            logger.warning("rerank failed", request_id=context.request_id, error=type(error).__name__)
            return ranked
        context.count_call(self._invocation, 0)
        scored = [Ranked(first[one["index"]].hit, one["relevanceScore"]) for one in answer["results"]]
        chosen = {one.hit.key for one in scored}
        return [*scored, *(one for one in ranked if one.hit.key not in chosen)]
