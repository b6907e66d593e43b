"""What a stage says about HR Q&A, beside what it says about every use case."""

import hashlib

from lambda_src.shared.catalogue import Invocation, resolve
from lambda_src.shared.settings import Settings

# Of a stage where everybody asks from the same documents; no caller's digest looks like this.
SHARED_SPACE = "shared"


class HrSettings(Settings, frozen=True, kw_only=True):
    """`search_service` is `aoss` for OpenSearch Serverless, `es` for a domain. `ingestion_rate` is calls a second of
    one function instance to the embedding model."""

    search_endpoint: str
    search_index: str
    search_service: str = "aoss"
    embedding_model: str
    dimensions: int = 1024
    queue_url: str
    rerank_model: str | None = None
    shared_documents: bool = False
    max_document_bytes: int = 100 * 1024 * 1024
    max_pages: int = 5_000
    ingestion_rate: float = 15.0
    max_receives: int = 8
    ocr: bool = False

    @property
    def embedding(self) -> Invocation:
        """The model that both documents and questions are embedded with."""
        return resolve(self.embedding_model)

    def space(self, caller: str) -> str:
        """Whose documents a caller sees: a digest, so that no object's name tells the caller's."""
        return SHARED_SPACE if self.shared_documents else hashlib.sha256(caller.encode()).hexdigest()[:32]
