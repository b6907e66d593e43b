"""HR Q&A's settings."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from lambda_src.shared.callers import NAMESPACE_CHARACTERS
from lambda_src.shared.catalog import Invocation, resolve
from lambda_src.shared.settings import Options, Settings

MEGABYTE = 1024 * 1024
# The name by which callers refer to their own documents, next to the stage's spaces.
OWN = "own"
# The group of all callers.
EVERYONE = "*"
Group = Annotated[str, Meta(pattern=r"^(\*|[^*,\[\]\s]{1,128})$")]


class Space(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Documents that callers share. The name is the space's id: its documents are stored under it.

    `writers` upload and delete, and read as well as `readers` do. Both are groups, or `*` for every caller.
    """

    # Shorter than the digest of a caller, so that no space is a caller's namespace.
    name: Annotated[str, Meta(pattern="^[a-z][a-z0-9-]{0,30}$")]
    readers: tuple[Group, ...] = ()
    writers: tuple[Group, ...] = ()

    def is_writable(self, groups: frozenset[str]) -> bool:
        """Whether a caller in these groups may upload and delete."""
        return _admits(self.writers, groups)

    def is_readable(self, groups: frozenset[str]) -> bool:
        """Whether a caller in these groups may list, ask and search."""
        return _admits(self.readers, groups) or self.is_writable(groups)


class Source(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Objects of another bucket that are the documents of a space. `kmsKey` encrypts them, if it is not S3's own.

    The prefix is part of IAM's patterns, so it has none of their special characters.
    """

    bucket: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
    prefix: Annotated[str, Meta(pattern=r"^[^*?$\"\\\x00-\x1f\x7f]{0,256}$")] = ""
    space: str
    kms_key: Annotated[str, Meta(pattern=r"^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$")] | None = None

    def is_at(self, bucket: str, prefix: str) -> bool:
        """Whether it is the source of this place."""
        return (self.bucket, self.prefix) == (bucket, prefix)

    def covers(self, bucket: str, key: str) -> bool:
        """Whether an object belongs to the source."""
        return self.bucket == bucket and key.startswith(self.prefix)


def _admits(admitted: tuple[str, ...], groups: frozenset[str]) -> bool:
    return EVERYONE in admitted or not groups.isdisjoint(admitted)


class HrQaOptions(Options, frozen=True, kw_only=True):
    """The setting `hrQa` of a stage, as far as functions read it."""

    # Of the vectors: fewer dimensions cost less to store and search, and retrieve slightly worse.
    dimensions: Literal[1024, 512, 256] = 1024
    # Calls per second to the embedding model by all ingestion functions; keep it below the account's quota.
    embedding_rate: Annotated[float, Meta(gt=0, le=1_000)] = 30
    # Ingestion functions running at once. SQS requires at least two.
    concurrency: Annotated[int, Meta(ge=2, le=1_000)] = 2
    max_document_megabytes: Annotated[int, Meta(ge=1, le=100)] = 100
    max_pages: Annotated[int, Meta(ge=1, le=20_000)] = 5_000
    # Read scanned pages with Amazon Textract, which charges by the page.
    ocr: bool = False
    # Have the text model rewrite each question into search queries: one more call for each question.
    rewrite_questions: bool = False
    # How long questions are kept, for feedback and to show what the documents lack. 0: not at all.
    question_days: Annotated[int, Meta(ge=0, le=365)] = 90
    # Documents that groups of callers share; without a space, each caller has only their own.
    spaces: tuple[Space, ...] = ()
    sources: tuple[Source, ...] = ()


class IndexPlace(msgspec.Struct, frozen=True):
    """An index, and the model and length of the vectors in it."""

    address: str
    model: str
    dimensions: int


class HrSettings(Settings, frozen=True, kw_only=True):
    """The environment of HR Q&A's functions. `search_service`: `aoss` for OpenSearch Serverless, `es` for a domain."""

    search_endpoint: str
    search_index: str
    search_service: str = "aoss"
    embedding_model: str
    # They answer over documents that have not been read again since the model was changed.
    former_embedding_models: tuple[str, ...] = ()
    queue_url: str
    rerank_model: str | None = None
    max_receives: int = 8
    # Whether questions are listed by caller, so that a caller's can be erased.
    caller_data: bool = False
    options: HrQaOptions = HrQaOptions()

    @property
    def embedding(self) -> Invocation:
        """The model that embeds new documents, and the questions about them."""
        return resolve(self.embedding_model)

    @property
    def index_address(self) -> str:
        """Host, path and name of the index. Documents record it: an index elsewhere has none of their chunks, even if
        it has the same name."""
        return self.address_of(self.search_index)

    @property
    def place(self) -> "IndexPlace":
        """Where new documents are stored."""
        return IndexPlace(self.index_address, self.embedding.id, self.options.dimensions)

    def address_of(self, index: str) -> str:
        """The address of an index in the stage's store."""
        endpoint = urlsplit(self.search_endpoint)
        return f"{endpoint.hostname}{endpoint.path}/{index}"

    def index_at(self, address: str) -> str | None:
        """The name of an index in the stage's store; None for one in another store."""
        store, _, name = address.rpartition("/")
        return name if self.address_of(name) == f"{store}/{name}" else None

    def embedding_of(self, model: str) -> Invocation | None:
        """The model that an index was filled with; None when the stage does not list it any more."""
        listed = map(resolve, (self.embedding_model, *self.former_embedding_models))
        return next((invocation for invocation in listed if invocation.id == model), None)

    @property
    def function_embedding_rate(self) -> float:
        """One function's share of the embedding rate, in calls per second."""
        return self.options.embedding_rate / self.options.concurrency

    @property
    def max_document_bytes(self) -> int:
        """The largest document that is accepted."""
        return self.options.max_document_megabytes * MEGABYTE

    def source_of(self, bucket: str, key: str) -> Source | None:
        """The source that an object belongs to; there is at most one."""
        return next((source for source in self.options.sources if source.covers(bucket, key)), None)

    def space(self, name: str) -> Space | None:
        """The stage's space of this name."""
        return next((space for space in self.options.spaces if space.name == name), None)


def is_space(namespace: str) -> bool:
    """Whether a namespace is a space's, which may have left the settings."""
    return len(namespace) < NAMESPACE_CHARACTERS
