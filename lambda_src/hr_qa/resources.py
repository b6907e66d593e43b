"""What the stack creates and the functions use: the files' object keys, and the index's name and mapping."""

import hashlib
import uuid
from typing import Any

PREFIX = "documents"
INDEX_PREFIX = "chunks-"
# Raised when chunks, their terms or what is embedded of them change: then documents are read again after a deployment.
_CONTENT = 2
_SOURCE_DOCUMENTS = uuid.UUID("3d0c8c0e-6b1f-4f0e-9a53-7c8f6f3f4f21")


def object_key(namespace: str, document_id: str) -> str:
    """The key of a document's file. It ends in `.pdf` whatever the type is, as the keys of older documents do."""
    return f"{PREFIX}/{namespace}/{document_id}.pdf"


def parse_object_key(key: str) -> tuple[str, str] | None:
    """Namespace and document id of a file's key; None for another key."""
    _, _, path = key.partition("/")
    namespace, _, file = path.partition("/")
    document_id = file.removesuffix(".pdf")
    if namespace and document_id and object_key(namespace, document_id) == key:
        return namespace, document_id
    return None


def source_document_id(space: str, bucket: str, key: str) -> str:
    """The id of the document of a source's object."""
    return str(uuid.uuid5(_SOURCE_DOCUMENTS, f"{space}/{bucket}/{key}"))


def index_name(embedding_model: str, dimensions: int, engine: str | None, revision: int = 0) -> str:
    """One index per embedding model, length, mapping and kind of content: vectors of two models or lengths cannot be
    compared, an existing index keeps its engine, and terms of two analyses do not match. Another `revision` is another
    index, for no other reason."""
    identity = f"{embedding_model} {dimensions} {index_definition(dimensions, engine)} {_CONTENT}"
    if revision:
        identity += f" {revision}"
    return f"{INDEX_PREFIX}{hashlib.sha256(identity.encode()).hexdigest()[:8]}"


def index_definition(dimensions: int, engine: str | None = None) -> dict[str, Any]:
    """The index's settings and mapping, in OpenSearch's form.

    `engine` searches the vectors. NextGen collections refuse the setting and classic ones need `faiss`; on a domain,
    `lucene` supports cosine and filters in every version.

    All types can be created by CloudFormation. `terms` holds the searched words, already normalized; `text` and
    `heading` are stored only.
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
