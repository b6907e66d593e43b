"""What the stack makes and the functions use: where files are in the bucket, and the index's mapping."""

import hashlib
from typing import Any

PREFIX = "documents"
INDEX_PREFIX = "chunks-"


def key(space: str, document: str) -> str:
    """The object's name of a document's file; the ingestion finds space and document in it."""
    return f"{PREFIX}/{space}/{document}.pdf"


def owner_of(object_key: str) -> tuple[str, str] | None:
    """Space and document that an object's name tells; None for a name that is not ours."""
    _, _, rest = object_key.partition("/")
    space, _, file = rest.partition("/")
    document = file.removesuffix(".pdf")
    return (space, document) if space and document and key(space, document) == object_key else None


def index_name(embedding_model: str, dimensions: int) -> str:
    """A name of its own for what one model embeds: vectors of two models, or of two lengths, do not compare."""
    told = f"{embedding_model} {dimensions} {index_definition(dimensions)}"
    return f"{INDEX_PREFIX}{hashlib.sha256(told.encode()).hexdigest()[:8]}"


def index_definition(dimensions: int, engine: str | None = None) -> dict[str, Any]:
    """The index's settings and mapping, in OpenSearch's form.

    `engine`: who searches the vectors. NextGen collections refuse to be told, classic ones want `faiss`; on a domain
    `lucene` knows cosine and filters in every version.

    Types are those that an index made by CloudFormation may have. `terms` holds the words that are searched, already
    brought to one form; `text` and `heading` are kept with the chunk and not searched.
    """
    fields: dict[str, Any] = {name: {"type": "keyword"} for name in ("document", "generation", "language")}
    fields |= {name: {"type": "integer"} for name in ("ordinal", "page", "sentences")}
    fields |= {name: {"type": "text", "index": False} for name in ("heading", "text")}
    fields["terms"] = {"type": "text"}
    method: dict[str, Any] = {
        "name": "hnsw",
        "space_type": "cosinesimil",
        "parameters": {"m": 16, "ef_construction": 256},
    }
    if engine:
        method["engine"] = engine
    fields["vector"] = {"type": "knn_vector", "dimension": dimensions, "method": method}
    return {"settings": {"index": {"knn": True}}, "mappings": {"properties": fields}}
