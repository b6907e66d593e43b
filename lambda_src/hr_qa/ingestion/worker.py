"""The steps by which an uploaded file becomes the live text of its document, each of them repeatable.

An event says only that a file has changed: what is done follows from the file as it is now and from the document's
item, so events may come twice, late or in the wrong order.

    start    look at the file, plan page ranges under a new generation, put them on the queue
    range    extract, chunk, embed and store some pages; what is stored already is not embedded again
    publish  when every chunk is searchable: make the generation the live one, in one conditional write
    clean    delete the chunks that no generation needs, until none comes up any more

A step that is killed anywhere is begun again by its message; a step for a generation that is no longer wanted does
nothing.
"""

import hashlib
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from lambda_src.hr_qa import index as index_module
from lambda_src.hr_qa.documents import DocumentItem, Documents, Progress, Range, StaleWriteError
from lambda_src.hr_qa.file_store import FileChangedError, FileStore
from lambda_src.hr_qa.index import Index
from lambda_src.hr_qa.ingestion.chunking import Chunk, chunk_pages, embedding_text
from lambda_src.hr_qa.ingestion.document_cache import OpenDocumentCache, on_disk
from lambda_src.hr_qa.ingestion.ocr import Ocr
from lambda_src.hr_qa.ingestion.pages import Page
from lambda_src.hr_qa.ingestion.pdf import Document, PdfError, open_document
from lambda_src.hr_qa.language import terms
from lambda_src.hr_qa.queue import AnyStep, Clean, Publish, Queue, ReadRange
from lambda_src.hr_qa.settings import HrSettings
from lambda_src.shared.context import Context
from lambda_src.shared.embedding import Embedder
from lambda_src.shared.ids import new_id
from lambda_src.shared.observability import count, logger

# A range is embedded within half a minute at a usual quota; a document of 5,000 pages has 200 of them.
RANGE_PAGES = 25
# Chunks that are embedded side by side and stored in one request.
BATCH = 64
PUBLISH_SECONDS = 3
PUBLISH_ATTEMPTS = 100
# The longest that a store request of a worker which has just seen the old state can take to show.
SETTLED_SECONDS = 90
CLEAN_SECONDS = 15


class NotSearchable(Exception):
    """The chunks that were stored did not all become searchable."""


class Worker:
    """The steps, over the stores of one stage."""

    def __init__(
        self,
        settings: HrSettings,
        *,
        documents: Documents,
        index: Index,
        files: FileStore,
        queue: Queue,
        embedder: Embedder,
        ocr: Ocr | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._documents = documents
        self._index = index
        self._files = files
        self._cache = OpenDocumentCache(files, settings.max_pages)
        self._queue = queue
        self._embedder = embedder
        self._ocr = ocr
        self._now = now

    def pause(self) -> None:
        """No step follows for now."""
        self._cache.clear()

    def do(self, context: Context, step: AnyStep) -> None:
        """One step from the queue."""
        if isinstance(step, ReadRange):
            self.read_range(context, step)
        elif isinstance(step, Publish):
            self.publish(context, step)
        else:
            self.clean(context, step)

    def start(self, context: Context, space: str, document: str) -> None:
        """A file was put in place: read it, unless that is done or under way."""
        record = self._documents.get(space, document)
        if record is None or record.status == "deleting":
            # A form outlives its document: what is posted later belongs to nobody.
            self._files.delete(space, document)
            return
        head = self._files.head(space, document)
        if head is None:
            return
        if record.ingesting and record.ingesting_source == head.source:
            self._resume(space, record)
        elif record.live_source == head.source and record.live_index == self._settings.search_index:
            self._keep(space, record)
        elif record.failed_source != head.source:
            self._begin(context, space, record, head.source)

    def _resume(self, space: str, record: DocumentItem) -> None:
        """The event came again, or its first worker was killed: put on the queue what is not done."""
        generation = str(record.ingesting)
        self._send_ranges(space, record.id, generation, self._progress(record.id, generation))

    def _keep(self, space: str, record: DocumentItem) -> None:
        if record.ingesting:
            self._quietly(self._documents.revert, space, record)
            self._queue.clean(space, record.id)

    def _begin(self, context: Context, space: str, record: DocumentItem, source: str) -> None:
        try:
            with on_disk(self._files, space, record.id, source) as path:
                self._check_digest(record, path)
                with open_document(path, self._settings.max_pages) as document:
                    progress = Progress(source=source, pages=document.page_count, range_pages=RANGE_PAGES)
        except FileChangedError:
            return
        except PdfError as error:
            self._refuse(context, space, record, source, error)
            return
        generation = new_id()
        self._documents.plan(record.id, generation, progress)
        # `StaleWriteError`: another event's worker was quicker. This message comes again and sees its work.
        self._documents.begin(space, record, generation, source)
        self._send_ranges(space, record.id, generation, progress)

    def _refuse(self, context: Context, space: str, record: DocumentItem, source: str, error: PdfError) -> None:
        logger.info("document refused", request_id=context.request_id, document=record.id, code=error.code)
        self._quietly(self._documents.fail, space, record, source, error.code, error.message)
        self._queue.clean(space, record.id)

    def _send_ranges(self, space: str, document: str, generation: str, progress: Progress) -> None:
        waiting = [number for number in range(progress.range_count) if str(number) not in progress.ranges]
        steps: list[AnyStep] = [
            ReadRange(space=space, document=document, generation=generation, number=number) for number in waiting
        ]
        if not steps:
            steps = [Publish(space=space, document=document, generation=generation)]
        self._queue.send(steps)

    def read_range(self, context: Context, step: ReadRange) -> None:
        """Some pages of a generation, if it is still wanted."""
        record = self._wanted(step)
        if record is None:
            return
        progress = self._progress(step.document, step.generation)
        if str(step.number) not in progress.ranges:
            try:
                pages = self._pages(step, progress)
            except FileChangedError:
                return
            except PdfError as error:
                self._refuse(context, step.space, record, progress.source, error)
                return
            chunks = chunk_pages(pages)
            if not self._store(context, step, record, chunks):
                return
            without_text = sum(not page.has_text for page in pages)
            done = Range(pages=len(pages), chunks=len(chunks), without_text=without_text)
            try:
                progress = self._documents.finish_range(step.document, step.generation, step.number, done)
            except StaleWriteError:
                return
            count(PagesRead=len(pages), ChunksStored=len(chunks))
        if progress.complete:
            publish = Publish(space=step.space, document=step.document, generation=step.generation)
            self._queue.send([publish], delay=PUBLISH_SECONDS)

    def _pages(self, step: ReadRange, progress: Progress) -> list[Page]:
        document = self._cache.document(step.space, step.document, progress.source)
        return [self._read_again(document, page) for page in document.read(*progress.bounds(step.number))]

    def _read_again(self, document: Document, page: Page) -> Page:
        return self._ocr.read(document, page) if page.needs_ocr and self._ocr else page

    def _store(self, context: Context, step: ReadRange, record: DocumentItem, chunks: list[Chunk]) -> bool:
        """Embeds and stores what is not stored. Returns whether the generation was wanted to the end."""
        if not chunks:
            return True
        stored = self._index.ordinals(context.deadline, step.generation, chunks[0].ordinal, chunks[-1].ordinal)
        missing = [chunk for chunk in chunks if chunk.ordinal not in stored]
        # One batch is stored while the next one is embedded.
        with ThreadPoolExecutor(max_workers=1) as writer:
            writing: Future[None] | None = None
            for start in range(0, len(missing), BATCH):
                rows = self._embedded(context, step, record, missing[start : start + BATCH])
                if writing:
                    writing.result()
                # Asked again before each write: a deletion must not be followed by chunks of what was deleted.
                if self._wanted(step) is None:
                    return False
                writing = writer.submit(self._index.write, context.deadline, rows)
            if writing:
                writing.result()
        return True

    def _embedded(
        self, context: Context, step: ReadRange, record: DocumentItem, batch: list[Chunk]
    ) -> list[tuple[index_module.Chunk, str, list[float]]]:
        texts = [embedding_text(record.name, chunk) for chunk in batch]
        vectors, _, _ = self._embedder.embed(context, texts)
        return [
            (_row(step, chunk), terms(text, chunk.language), vector)
            for chunk, text, vector in zip(batch, texts, vectors, strict=True)
        ]

    def publish(self, context: Context, step: Publish) -> None:
        """Makes a generation the live one. Raises `NotSearchable` when its chunks never come up."""
        if self._wanted(step) is not None:
            progress = self._progress(step.document, step.generation)
            searchable = self._index.ordinals(context.deadline, step.generation)
            if len(searchable) < progress.chunks:
                self._publish_later(step, len(searchable), progress.chunks)
                return
            # A store request that was repeated, or a killed worker, may have left a chunk twice.
            self._index.delete(context.deadline, [one for ids in searchable.values() for one in ids[1:]])
            try:
                self._documents.publish(
                    step.space, step.document, step.generation, progress, self._settings.search_index
                )
            except StaleWriteError:
                return
            count(DocumentsReady=1)
        self._queue.clean(step.space, step.document)

    def _publish_later(self, step: Publish, searchable: int, expected: int) -> None:
        if step.attempt >= PUBLISH_ATTEMPTS:
            raise NotSearchable(f"{searchable} of {expected} chunks of generation {step.generation} are searchable")
        again = Publish(space=step.space, document=step.document, generation=step.generation, attempt=step.attempt + 1)
        self._queue.send([again], delay=PUBLISH_SECONDS)

    def clean(self, context: Context, step: Clean) -> None:
        """Deletes the chunks of generations that nobody needs, until none of them can come up any more."""
        chunks = self._index.generations(context.deadline, step.document, self._kept(step))
        ingestions = self._documents.ingestions(step.document)
        # Asked after them: what was found of a generation that has begun since is not for deletion.
        record = self._documents.get(step.space, step.document)
        kept = self._kept(step)
        if record is not None and record.status == "deleting":
            self._files.delete(step.space, step.document)
        strays = [chunk for chunk, generation in chunks.items() if generation not in kept]
        self._index.delete(context.deadline, strays)
        settled = self._now() - SETTLED_SECONDS
        left = [one for one in ingestions if one.generation not in kept]
        # A plan may be seconds older than the generation's beginning.
        gone = [one for one in left if one.touched_at < settled or record is None or record.status == "deleting"]
        for one in gone:
            self._documents.forget_ingestion(step.document, one.generation)
        if strays or len(gone) < len(left) or step.since > settled:
            self._queue.send([step], delay=CLEAN_SECONDS)
        elif record is not None and record.status == "deleting":
            self._quietly(self._documents.forget, step.space, step.document)

    def _kept(self, step: Clean) -> list[str]:
        """The generations that a document needs at this moment."""
        record = self._documents.get(step.space, step.document)
        return [one for one in (record.live, record.ingesting) if one] if record else []

    def give_up(self, step: AnyStep | tuple[str, str]) -> None:
        """A step failed for the last time: tell the document's owner, who else would wait for ever."""
        space, document = step if isinstance(step, tuple) else (step.space, step.document)
        record = self._documents.get(space, document)
        generation = None if isinstance(step, (tuple, Clean)) else step.generation
        if record is None or isinstance(step, Clean) or (generation and record.ingesting != generation):
            return
        message = "The document could not be read because of a failure on our side. Upload the file again later."
        self._quietly(self._documents.fail, space, record, "", "ingestion_failed", message)
        self._queue.clean(space, document)

    def _progress(self, document: str, generation: str) -> Progress:
        progress = self._documents.progress(document, generation)
        if progress is None:
            # It was written before the generation began: the message is tried again, and the owner told at last.
            raise LookupError(f"document {document} has no ingestion {generation}")
        return progress

    def _wanted(self, step: ReadRange | Publish) -> DocumentItem | None:
        record = self._documents.get(step.space, step.document)
        return record if record is not None and record.ingesting == step.generation else None

    def _check_digest(self, record: DocumentItem, path: Path) -> None:
        if record.sha256 is None:
            return
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != record.sha256:
            raise PdfError(
                "digest_mismatch", "The file is not the one announced: its SHA-256 differs. Upload it again."
            )

    @staticmethod
    def _quietly(write: Callable[..., Any], *arguments: Any) -> None:
        """A write that someone else's has made needless."""
        try:
            write(*arguments)
        except StaleWriteError:
            logger.info("write superseded")


def _row(step: ReadRange, chunk: Chunk) -> index_module.Chunk:
    return index_module.Chunk(
        document=step.document,
        generation=step.generation,
        ordinal=chunk.ordinal,
        page=chunk.page,
        heading=chunk.heading,
        text=chunk.text,
        sentences=chunk.sentences,
        language=chunk.language,
    )
