"""Finds the chunks for a question in the indices that hold the documents' live chunks."""

from collections.abc import Mapping, Sequence

from lambda_src.hr_qa import ranking
from lambda_src.hr_qa.documents import DocumentItem
from lambda_src.hr_qa.index import WAKING_SECONDS, Index, Query
from lambda_src.hr_qa.language import detect, terms
from lambda_src.hr_qa.rerank import Reranker
from lambda_src.hr_qa.settings import HrSettings
from lambda_src.shared.bedrock import Bedrock
from lambda_src.shared.context import Context
from lambda_src.shared.embedding import Embedder
from lambda_src.shared.errors import Unavailable
from lambda_src.shared.observability import logger


class Retrieval:
    """Searches over live documents of one stage."""

    def __init__(
        self, settings: HrSettings, bedrock: Bedrock, index: Index | None = None, reranker: Reranker | None = None
    ) -> None:
        self._settings = settings
        self._bedrock = bedrock
        self._index = index or Index(settings)
        self._reranker = reranker or Reranker.from_settings(settings)
        self._embedder = Embedder(bedrock, settings.embedding, settings.options.dimensions)

    def reaches(self, document: DocumentItem) -> bool:
        """Whether the live chunks of a document can be searched."""
        return self._place(document) is not None

    def find(
        self, context: Context, queries: Sequence[str], live: Mapping[str, DocumentItem]
    ) -> Sequence[ranking.Ranked]:
        """The best chunks first. `live`: documents by live generation, all of them within reach.

        The first query is the question, which the reranker goes by; the others word it differently, or are its parts.
        Raises `Unavailable` when an index lost its chunks.
        """
        by_index: dict[str | None, dict[str, DocumentItem]] = {}
        for generation, document in live.items():
            by_index.setdefault(document.live_index, {})[generation] = document
        # There are several while documents are read again. Scores of two models cannot be compared, ranks can.
        rankings = [each for part in by_index.values() for each in self._find_in_index(context, queries, part)]
        ranked = ranking.merge(rankings)
        return self._reranker.rerank(context, queries[0], ranked) if self._reranker else ranked

    def _find_in_index(
        self, context: Context, queries: Sequence[str], live: Mapping[str, DocumentItem]
    ) -> list[list[ranking.Ranked]]:
        """A ranking for each query. `live`: documents of one index."""
        place = self._place(next(iter(live.values())))
        assert place is not None
        index, embedder = place
        vectors, _, _ = embedder.embed(context, list(queries), purpose="search_query")
        titles = {document.id: document.name for document in live.values()}
        searches = [
            _query(text, vector, live, ranking.named_documents(text, titles))
            for text, vector in zip(queries, vectors, strict=True)
        ]
        results = index.find(context.deadline, searches, titles)
        if not any(dense for dense, _ in results) and any(document.chunks for document in live.values()):
            # Every chunk is near or far, so there are none: "the documents do not say" would be wrong.
            logger.warning("index has no chunks", request_id=context.request_id)
            raise Unavailable(
                "The search index does not have the text of these documents. Try again; if this persists, upload their "
                "files again.",
                retry_after=WAKING_SECONDS,
            )
        return [
            ranking.fuse(query.language, dense, lexical, query.named)
            for query, (dense, lexical) in zip(searches, results, strict=True)
        ]

    def _place(self, document: DocumentItem) -> tuple[Index, Embedder] | None:
        """The index with the live chunks, and the model that embeds questions to it. None if the index is in another
        store, or if the stage does not list the model any more."""
        if document.live_index == self._settings.index_address:
            return self._index, self._embedder
        name = self._settings.index_at(document.live_index or "")
        model = self._settings.embedding_of(document.live_model or "")
        if name is None or model is None or document.live_dimensions is None:
            return None
        return self._index.named(name), Embedder(self._bedrock, model, document.live_dimensions)


def _query(text: str, vector: list[float], live: Mapping[str, DocumentItem], named: frozenset[str]) -> Query:
    language = detect(text)
    return Query(
        generations=list(live),
        vector=vector,
        terms=terms(text, language),
        language=language,
        named=named,
        named_generations=[generation for generation, document in live.items() if document.id in named],
    )
