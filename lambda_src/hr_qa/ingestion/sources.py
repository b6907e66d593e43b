"""Keeps spaces in step with prefixes of other buckets.

An event of S3 or a comparison only says that an object may have changed. What to do follows from the object as it is
now, so events may arrive twice, late or out of order.
"""

import unicodedata

from lambda_src.hr_qa.documents import DocumentItem, Documents, SourceObject
from lambda_src.hr_qa.file_store import FileStore
from lambda_src.hr_qa.queue import AnyStep, Compare, Queue, Refresh, Start
from lambda_src.hr_qa.resources import source_document_id
from lambda_src.hr_qa.settings import HrSettings, Source
from lambda_src.shared.file_types import PDF, content_type
from lambda_src.shared.idempotency import IdempotencyStore
from lambda_src.shared.ids import timestamp
from lambda_src.shared.observability import count, logger
from lambda_src.shared.schemas import file_name_problem
from lambda_src.shared.table import StaleWriteError

# Documents of one source. Every question reads the items of all documents that it covers.
MAX_DOCUMENTS = 1_000
# Until the deletion of an earlier document of the same object has ended.
DELETION_SECONDS = 120
# Limits of document names in the API, and of S3's keys.
_MAX_NAME = 200
_MAX_KEY_BYTES = 1_024


class Sources:
    """The steps `refresh` and `compare`."""

    def __init__(self, settings: HrSettings, *, documents: Documents, files: FileStore, queue: Queue) -> None:
        self._settings = settings
        self._documents = documents
        self._files = files
        self._queue = queue

    def refresh(self, step: Refresh) -> Start | None:
        """Makes the document of an object the one that it should be. Returns the step that reads it, if it exists."""
        source = self._settings.source_of(step.bucket, step.key)
        if source is None:
            return None
        document_id = source_document_id(source.space, step.bucket, step.key)
        document = self._documents.get(source.space, document_id)
        origin = SourceObject(step.bucket, step.key)
        if not is_accepted(step.key):
            count(SourceObjectsIgnored=1)
            exists = False
        else:
            exists = self._files.head(source.space, document_id, origin) is not None
        if not exists:
            if document is not None:
                self.remove(source.space, document_id)
            return None
        if document is not None and document.status == "deleting":
            # The object was deleted and is there again. A killed step may not have started the deletion.
            self._queue.send_clean(source.space, document_id)
            self._queue.send([step], delay=DELETION_SECONDS)
            return None
        if document is None and not self._create(source, document_id, origin):
            return None
        return Start(namespace=source.space, document=document_id)

    def remove(self, namespace: str, document_id: str) -> None:
        """Deletes a document as the API does."""
        try:
            self._documents.mark_deleting(namespace, document_id)
        except StaleWriteError:
            return
        IdempotencyStore.of(self._documents).forget(document_id)
        self._queue.send_clean(namespace, document_id)

    def compare_all(self) -> None:
        """Queues the comparison of each source with its documents."""
        self._queue.send([Compare(bucket=each.bucket, prefix=each.prefix) for each in self._settings.options.sources])

    def compare(self, step: Compare) -> None:
        """Queues a `Refresh` for each object of a page that is not the one that was read. After the last page, for each
        document whose object does not exist."""
        source = next((each for each in self._settings.options.sources if each.is_at(step.bucket, step.prefix)), None)
        if source is None:
            return
        page, token = self._files.page(step.bucket, step.prefix, step.token)
        ignored = 0
        steps: list[AnyStep] = []
        for key, etag in page.items():
            if not is_accepted(key):
                ignored += 1
            elif not self._is_known(source, SourceObject(step.bucket, key), etag):
                steps.append(Refresh(bucket=step.bucket, key=key))
        if ignored:
            logger.info("source objects ignored", bucket=step.bucket, prefix=step.prefix, objects=ignored)
        if token:
            steps.append(Compare(bucket=step.bucket, prefix=step.prefix, token=token))
        else:
            steps += self._missing(source)
        self._queue.send(steps)

    def is_stray(self, namespace: str, document: DocumentItem) -> bool:
        """Whether a document comes from what is no source of its space any more."""
        if document.origin is None:
            return False
        source = self._settings.source_of(document.origin.bucket, document.origin.key)
        return source is None or source.space != namespace

    def _is_known(self, source: Source, origin: SourceObject, etag: str) -> bool:
        document = self._documents.get(source.space, source_document_id(source.space, origin.bucket, origin.key))
        return document is not None and etag in (
            *(document.live_source, document.ingesting_source, document.failed_source),
        )

    def _missing(self, source: Source) -> list[Refresh]:
        origins = [document.origin for document in self._documents_of(source) if document.origin]
        return [
            Refresh(bucket=origin.bucket, key=origin.key)
            for origin in origins
            if self._files.head(source.space, "", origin) is None
        ]

    def _documents_of(self, source: Source) -> list[DocumentItem]:
        return [
            document
            for document in self._documents.all(source.space)
            if document.origin and source.covers(document.origin.bucket, document.origin.key)
        ]

    def _create(self, source: Source, document_id: str, origin: SourceObject) -> bool:
        """Whether the document was created, or another worker was faster."""
        if len(self._documents_of(source)) >= MAX_DOCUMENTS:
            logger.warning("source has too many documents", bucket=source.bucket, prefix=source.prefix)
            count(SourceObjectsIgnored=1)
            return False
        now = timestamp()
        document = DocumentItem(
            id=document_id,
            name=document_name(origin.key),
            owner=f"s3://{origin.bucket}",
            # Expires if the object disappears before it is read.
            status="awaitingUpload",
            created_at=now,
            updated_at=now,
            content_type=content_type(origin.key) or PDF,
            origin=origin,
        )
        try:
            self._documents.create(source.space, document)
        except StaleWriteError:
            logger.info("stale write")
        return True


def is_accepted(key: str) -> bool:
    """Whether an object can be a document: by its type, and by a key that could be an uploaded document's name, without
    characters that SQS refuses."""
    plain = all(unicodedata.category(character) not in ("Cc", "Cs", "Cn") for character in key)
    return (
        plain
        and file_name_problem(key) is None
        and content_type(key) is not None
        and len(key.encode()) <= _MAX_KEY_BYTES
    )


def document_name(key: str) -> str:
    """The name of an object's document: the last part of its key."""
    return key.rpartition("/")[2].strip()[:_MAX_NAME] or key[:_MAX_NAME]
