"""The steps by which an uploaded file becomes the live text of its document. Each step is repeatable.

An event only says that a file has changed. What to do follows from the current file and the document's item, so events
may arrive twice, late or out of order.

    start    look at the file, plan its page ranges under a new generation, put them on the queue
    range    extract, chunk, embed and store page ranges, each recorded when it is finished; chunks that are stored
             already are not embedded again
    publish  once every chunk is searchable: make the generation the live one, in one conditional write
    clean    delete the chunks that no generation needs, until no more of them appear
    refresh  look at an object of a source, create or delete its document, then `start`
    compare  daily: `refresh` what differs between a source and its documents
    sweep    after a deployment and daily: plan documents again whose chunks are in a former index of the stage

A killed step is delivered again. A step of an obsolete generation does nothing.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from lambda_src.document_reader.errors import UnreadableFileError
from lambda_src.document_reader.isolated_reader import open_isolated
from lambda_src.document_reader.pages import Page
from lambda_src.document_reader.reader import Document
from lambda_src.hr_qa.chunk import Chunk
from lambda_src.hr_qa.documents import DocumentItem, Documents, Progress, RangeResult
from lambda_src.hr_qa.file_store import FileStore
from lambda_src.hr_qa.index import EmbeddedChunk, Index
from lambda_src.hr_qa.ingestion.chunking import chunk_pages, embedding_text
from lambda_src.hr_qa.ingestion.download import download
from lambda_src.hr_qa.ingestion.ocr import Ocr
from lambda_src.hr_qa.ingestion.sources import Sources
from lambda_src.hr_qa.ingestion.sweeper import GIVEN_UP, Sweeper
from lambda_src.hr_qa.language import terms
from lambda_src.hr_qa.queue import AnyStep, Clean, Compare, Publish, Queue, ReadRange, Refresh, Start, Sweep
from lambda_src.hr_qa.settings import HrSettings
from lambda_src.shared.context import Context
from lambda_src.shared.embedding import Embedder
from lambda_src.shared.file_types import PDF
from lambda_src.shared.ids import new_id
from lambda_src.shared.observability import count, logger
from lambda_src.shared.table import StaleWriteError
from lambda_src.shared.uploads import FileChangedError, FileInfo

# A range is embedded within a quarter of a minute at a usual quota; a document of 5,000 pages has 500 ranges.
RANGE_PAGES = 10
# Ranges of one message, which share the file's download and what is read of it beyond the range.
MAX_RANGES = 25
# After this time, or with less than `RANGE_SECONDS` left, the rest of a message's ranges go to the end of the queue. So
# a short document waits for a slice of each longer one that was uploaded before, and not for all of it.
SLICE_SECONDS = 20
RANGE_SECONDS = 60
# Chunks that are embedded concurrently and stored in one request.
BATCH = 64
PUBLISH_SECONDS = 3
PUBLISH_ATTEMPTS = 100
# The longest time until a write of a worker that has read the old state becomes visible.
SETTLED_SECONDS = 90
CLEAN_SECONDS = 15


class NotSearchableError(Exception):
    """The stored chunks did not all become searchable."""


class ObsoleteGenerationError(Exception):
    """The document was deleted, or another generation has replaced this one."""


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
        open_document: Callable[[Path, int], AbstractContextManager[Document]] = open_isolated,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._documents = documents
        self._index = index
        self._files = files
        self._queue = queue
        self._embedder = embedder
        self._ocr = ocr
        self._open_document = open_document
        self._now = now
        self._sources = Sources(settings, documents=documents, files=files, queue=queue)
        self._sweeper = Sweeper(
            settings,
            documents=documents,
            index=index,
            queue=queue,
            sources=self._sources,
            read=self.read_again,
            now=now,
        )

    def run(self, context: Context, step: AnyStep) -> None:
        """Runs one step."""
        if isinstance(step, Start):
            self.start(context, step)
        elif isinstance(step, ReadRange):
            self.read_ranges(context, step)
        elif isinstance(step, Publish):
            self.publish(context, step)
        elif isinstance(step, Sweep):
            self._sweeper.sweep(context, step)
        elif isinstance(step, Refresh):
            if start := self._sources.refresh(step):
                self.start(context, start)
        elif isinstance(step, Compare):
            self._sources.compare(step)
        else:
            self.clean(context, step)

    def start(self, context: Context, step: Start) -> None:
        """Starts reading the current file, unless that is done or in progress."""
        document = self._documents.get(step.namespace, step.document)
        if document is None or document.status == "deleting":
            # A form outlives its document: a file uploaded later belongs to nobody.
            self._files.delete(step.namespace, step.document)
            return
        file = self._files.head(step.namespace, step.document, document.origin)
        if file is None:
            if document.origin:
                self._sources.remove(step.namespace, step.document)
            elif document.ingesting_generation:
                message = "The stored file of the document no longer exists. Upload it again."
                source = str(document.ingesting_source)
                self._ignore_stale(self._documents.fail, step.namespace, document, source, "file_missing", message)
            return
        if document.ingesting_generation and document.ingesting_source == file.source:
            progress = self._progress(document.id, document.ingesting_generation)
            if self._fills_current_index(progress):
                # The event was repeated, or its first worker was killed: queues the ranges that are not finished.
                self._send_ranges(step.namespace, document.id, document.ingesting_generation, progress)
            else:
                self._plan(context, step.namespace, document, file)
        elif document.live_source == file.source and document.live_index == self._settings.index_address:
            self._keep_live(step.namespace, document)
        elif document.failed_source != file.source:
            self._plan(context, step.namespace, document, file)

    def _fills_current_index(self, progress: Progress) -> bool:
        return progress.index in (None, self._settings.index_address)

    def _keep_live(self, namespace: str, document: DocumentItem) -> None:
        """The live file is in place again: drops another one that is being read, or could not be."""
        if document.ingesting_generation or document.status == "failed":
            self._ignore_stale(self._documents.restore_live, namespace, document)
            self._queue.send_clean(namespace, document.id)

    def _plan(self, context: Context, namespace: str, document: DocumentItem, file: FileInfo) -> None:
        """Plans the page ranges of a new file under a new generation."""
        source = file.source
        try:
            self._check_size(document, file)
            with download(self._files, namespace, document, source) as path:
                _check_digest(document, path)
                with self._open_document(path, self._settings.options.max_pages) as opened:
                    progress = self._new_progress(source, opened)
        except FileChangedError:
            return
        except UnreadableFileError as error:
            self._reject(context, namespace, document, source, error)
            return
        # `StaleWriteError`: another event's worker was faster. This message is delivered again and sees its work.
        self._start_generation(namespace, document, progress)

    def _check_size(self, document: DocumentItem, file: FileInfo) -> None:
        """The form of an upload limits its size; an object of a source may have any."""
        limit = self._settings.options.max_document_megabytes
        if document.origin and file.bytes > self._settings.max_document_bytes:
            raise UnreadableFileError("too_large", f"The file has {file.bytes:,} bytes; the limit is {limit} MB.")

    def _new_progress(self, source: str, known: Document | DocumentItem) -> Progress:
        pages = known.pages or 1 if isinstance(known, DocumentItem) else known.page_count
        return Progress(
            source=source,
            index=self._settings.index_address,
            pages=pages,
            range_pages=RANGE_PAGES,
            embedded_files=known.embedded_files,
            content_type=known.content_type,
        )

    def _start_generation(self, namespace: str, document: DocumentItem, progress: Progress) -> None:
        generation = new_id()
        self._documents.plan(document.id, generation, progress)
        self._documents.start_ingesting(namespace, document, generation, progress.source)
        self._send_ranges(namespace, document.id, generation, progress)

    def _reject(
        self, context: Context, namespace: str, document: DocumentItem, source: str, error: UnreadableFileError
    ) -> None:
        logger.info("document rejected", request_id=context.request_id, document=document.id, code=error.code)
        self._ignore_stale(self._documents.fail, namespace, document, source, error.code, error.message)
        self._queue.send_clean(namespace, document.id)

    def _send_ranges(self, namespace: str, document_id: str, generation: str, progress: Progress) -> None:
        """Queues the ranges, distributed over as many messages as functions may run at once."""
        size = min(MAX_RANGES, -(-progress.range_count // self._settings.options.concurrency))
        steps: list[AnyStep] = [
            ReadRange(namespace=namespace, document=document_id, generation=generation, number=number, count=size)
            for number in range(0, progress.range_count, size)
            if progress.unfinished(number, size)
        ]
        self._queue.send(steps or [Publish(namespace=namespace, document=document_id, generation=generation)])

    def read_ranges(self, context: Context, step: ReadRange) -> None:
        """Reads the message's page ranges, and publishes the generation after the last one."""
        document = self._ingesting_document(step)
        if document is None:
            return
        progress = self._progress(step.document, step.generation)
        if not self._fills_current_index(progress):
            self._restart(step)
            return
        try:
            progress = self._finish_ranges(context, step, document, progress)
        except (FileChangedError, ObsoleteGenerationError, StaleWriteError):
            return
        except UnreadableFileError as error:
            self._reject(context, step.namespace, document, progress.source, error)
            return
        if progress.complete:
            publish = Publish(namespace=step.namespace, document=step.document, generation=step.generation)
            self._queue.send([publish], delay=PUBLISH_SECONDS)

    def _restart(self, step: ReadRange | Publish) -> None:
        """The stage got another index while the document was being read."""
        self._queue.send([Start(namespace=step.namespace, document=step.document)])

    def _finish_ranges(self, context: Context, step: ReadRange, document: DocumentItem, progress: Progress) -> Progress:
        """Finishes the ranges of a time slice, and sends a message with the others. Returns the progress."""
        unfinished = progress.unfinished(step.number, step.count)
        if not unfinished:
            return progress
        end = self._now() + SLICE_SECONDS
        with self._open(step, document, progress) as opened:
            for number in unfinished:
                if self._now() >= end or context.deadline.seconds_left < RANGE_SECONDS:
                    remaining = step.number + step.count - number
                    self._queue.send([msgspec.structs.replace(step, number=number, count=remaining)])
                    break
                pages = self._extract_pages(opened, progress, number)
                progress = self._finish_range(context, step, document, number, pages)
        return progress

    def _finish_range(
        self, context: Context, step: ReadRange, document: DocumentItem, number: int, pages: list[Page]
    ) -> Progress:
        """Chunks, embeds and stores the pages of a range. Returns the updated progress."""
        chunks = chunk_pages(pages)
        self._store_missing(context, step, document, chunks)
        result = RangeResult(
            pages=len(pages),
            chunks=len(chunks),
            without_text=sum(not page.has_text for page in pages),
            hidden=sum(page.hidden_characters for page in pages),
            files=sum(page.attached_files for page in pages),
            unread=sum(page.unread_characters for page in pages),
        )
        progress = self._documents.finish_range(step.document, step.generation, number, result)
        count(PagesRead=len(pages), ChunksStored=len(chunks))
        return progress

    @contextmanager
    def _open(self, step: ReadRange, document: DocumentItem, progress: Progress) -> Iterator[Document]:
        with (
            download(self._files, step.namespace, document, progress.source) as path,
            self._open_document(path, self._settings.options.max_pages) as opened,
        ):
            yield opened

    def _extract_pages(self, opened: Document, progress: Progress, number: int) -> list[Page]:
        return [self._recognize_text(opened, page) for page in opened.read(*progress.bounds(number))]

    def _recognize_text(self, opened: Document, page: Page) -> Page:
        return self._ocr.read(opened, page) if page.needs_ocr and self._ocr else page

    def _store_missing(self, context: Context, step: ReadRange, document: DocumentItem, chunks: list[Chunk]) -> None:
        """Embeds and stores the chunks that are not stored. Raises `ObsoleteGenerationError`."""
        if not chunks:
            return
        stored = self._index.ordinals(context.deadline, step.generation, chunks[0].ordinal, chunks[-1].ordinal)
        missing = [chunk for chunk in chunks if chunk.ordinal not in stored]
        # One batch is stored while the next one is embedded.
        with ThreadPoolExecutor(max_workers=1) as writer:
            writing: Future[None] | None = None
            for start in range(0, len(missing), BATCH):
                batch = self._embed(context, document, missing[start : start + BATCH])
                if writing:
                    writing.result()
                # Checked before each write: no chunk may be stored after a deletion.
                if self._ingesting_document(step) is None:
                    raise ObsoleteGenerationError(step.generation)
                writing = writer.submit(self._index.write, context.deadline, step.document, step.generation, batch)
            if writing:
                writing.result()

    def _embed(self, context: Context, document: DocumentItem, chunks: list[Chunk]) -> list[EmbeddedChunk]:
        texts = [embedding_text(document.name, chunk) for chunk in chunks]
        vectors, _, _ = self._embedder.embed(context, texts)
        return [
            EmbeddedChunk(chunk, terms(text, chunk.language), vector)
            for chunk, text, vector in zip(chunks, texts, vectors, strict=True)
        ]

    def publish(self, context: Context, step: Publish) -> None:
        """Makes a generation the live one. Raises `NotSearchableError` when its chunks never become searchable."""
        if self._ingesting_document(step) is not None:
            progress = self._progress(step.document, step.generation)
            if not self._fills_current_index(progress):
                self._restart(step)
                return
            searchable = self._index.ordinals(context.deadline, step.generation)
            if len(searchable) < progress.chunks:
                self._publish_later(step, len(searchable), progress.chunks)
                return
            # A retried write, or a killed worker, may have stored a chunk twice.
            self._index.delete(context.deadline, [extra for ids in searchable.values() for extra in ids[1:]])
            place = self._settings.place
            try:
                self._documents.publish(step.namespace, step.document, step.generation, progress, place)
            except StaleWriteError:
                return
            count(DocumentsReady=1)
        self._queue.send_clean(step.namespace, step.document)

    def _publish_later(self, step: Publish, searchable: int, expected: int) -> None:
        if step.attempt >= PUBLISH_ATTEMPTS:
            raise NotSearchableError(
                f"{searchable} of {expected} chunks of generation {step.generation} are searchable"
            )
        retry = Publish(
            namespace=step.namespace,
            document=step.document,
            generation=step.generation,
            attempt=step.attempt + 1,
        )
        self._queue.send([retry], delay=PUBLISH_SECONDS)

    def clean(self, context: Context, step: Clean) -> None:
        """Deletes chunks and ingestions that no generation needs, in all indices, until no more of them can appear."""
        needed = _needed_generations(self._documents.get(step.namespace, step.document))
        found = [
            (index, index.generations(context.deadline, step.document, excluding=needed)) for index in self._indices()
        ]
        ingestions = self._documents.ingestions(step.document)
        # Read again after them: a generation that has started since must not be deleted.
        document = self._documents.get(step.namespace, step.document)
        if document is None and self._documents.has_moved(step.namespace, step.document):
            # The document needs its chunks in its new namespace.
            return
        needed = _needed_generations(document)
        deleting = document is not None and document.status == "deleting"
        if document is not None and deleting and document.origin is None:
            self._files.delete(step.namespace, step.document)
        strays = 0
        for index, chunks in found:
            unneeded_chunks = [chunk for chunk, generation in chunks.items() if generation not in needed]
            index.delete(context.deadline, unneeded_chunks)
            strays += len(unneeded_chunks)
        settled = self._now() - SETTLED_SECONDS
        unneeded = [ingestion for ingestion in ingestions if ingestion.generation not in needed]
        # A recent plan may belong to a generation that is about to start.
        deletable = [each for each in unneeded if each.touched_at < settled or document is None or deleting]
        for ingestion in deletable:
            self._documents.delete_ingestion(step.document, ingestion.generation)
        if strays or len(deletable) < len(unneeded) or step.since > settled:
            self._queue.send([step], delay=CLEAN_SECONDS)
        elif deleting:
            self._ignore_stale(self._documents.delete, step.namespace, step.document)

    def _indices(self) -> list[Index]:
        """The stage's index, and earlier ones that may still have chunks."""
        former = [name for name in self._documents.indices() if name != self._settings.search_index]
        return [self._index, *map(self._index.named, former)]

    def read_again(self, namespace: str, document: DocumentItem) -> None:
        """Reads the live file under a new generation; the live one answers until then. A PDF's pages are known."""
        if document.content_type != PDF:
            # Another version of this code may have cut it into other parts.
            self._queue.send([Start(namespace=namespace, document=document.id)])
            return
        progress = self._new_progress(str(document.live_source), document)
        self._ignore_stale(self._start_generation, namespace, document, progress)

    def give_up(self, step: AnyStep) -> None:
        """After the last attempt of a step: marks the document as failed, so that its owner does not wait."""
        if isinstance(step, Clean | Sweep | Refresh | Compare):
            return
        document = self._documents.get(step.namespace, step.document)
        generation = None if isinstance(step, Start) else step.generation
        if document is None or (generation and document.ingesting_generation != generation):
            return
        message = "The document could not be read because of a failure on our side. Upload the file again later."
        self._ignore_stale(self._documents.fail, step.namespace, document, "", GIVEN_UP, message)
        self._queue.send_clean(step.namespace, step.document)

    def _progress(self, document_id: str, generation: str) -> Progress:
        progress = self._documents.progress(document_id, generation)
        if progress is None:
            # It is written before the generation starts. The message is retried, and at last the owner is informed.
            raise LookupError(f"document {document_id} has no ingestion {generation}")
        return progress

    def _ingesting_document(self, step: ReadRange | Publish) -> DocumentItem | None:
        """The document, if the step's generation is still the one being ingested."""
        document = self._documents.get(step.namespace, step.document)
        return document if document is not None and document.ingesting_generation == step.generation else None

    @staticmethod
    def _ignore_stale(write: Callable[..., Any], *arguments: Any) -> None:
        """Makes a write that another process may have made unnecessary."""
        try:
            write(*arguments)
        except StaleWriteError:
            logger.info("stale write")


def _check_digest(document: DocumentItem, path: Path) -> None:
    if document.sha256 is None:
        return
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != document.sha256:
        raise UnreadableFileError(
            "digest_mismatch", "The file is not the one announced: its SHA-256 differs. Upload it again."
        )


def _needed_generations(document: DocumentItem | None) -> list[str]:
    if document is None:
        return []
    return [generation for generation in (document.live_generation, document.ingesting_generation) if generation]
