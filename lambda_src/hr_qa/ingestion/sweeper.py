"""Reads documents again after the stage has got another index, by itself and some at a time; removes those of former
sources.

A deployment and the daily schedule start a sweep. It continues as a message of the queue until every live document is
in the stage's index, and then deletes the indices that no document is in any more.
"""

from collections.abc import Callable

from lambda_src.hr_qa.documents import DocumentItem, Documents
from lambda_src.hr_qa.index import Index
from lambda_src.hr_qa.ingestion.sources import Sources
from lambda_src.hr_qa.queue import Queue, Start, Sweep
from lambda_src.hr_qa.settings import HrSettings
from lambda_src.shared.context import Context
from lambda_src.shared.ids import new_id
from lambda_src.shared.observability import count
from lambda_src.shared.table import StaleWriteError

SWEEP_SECONDS = 30
# Documents that are read again at the same time, so that uploads need not wait for all of them.
MAX_READING = 20
# Without progress for this long, an ingestion is resumed.
RESUMED_SECONDS = 3600
# Functions from before a deployment, which use the former index, have ended by then.
ENTERED_SECONDS = 15 * 60
# The error of a document whose steps failed, unlike that of a file that cannot be read.
GIVEN_UP = "ingestion_failed"


class Sweeper:
    """The step `sweep`. `read(namespace, document)` starts to read a live file again."""

    def __init__(
        self,
        settings: HrSettings,
        *,
        documents: Documents,
        index: Index,
        queue: Queue,
        sources: Sources,
        read: Callable[[str, DocumentItem], None],
        now: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._documents = documents
        self._index = index
        self._queue = queue
        self._sources = sources
        self._read = read
        self._now = now

    def sweep(self, context: Context, step: Sweep) -> None:
        """Looks at all documents once, and queues the next look if there is more to do.

        A document that could not be read is tried again by the next new sweep.
        """
        if step.turn is not None and step.turn != self._documents.sweep_turn():
            # Another sweep continues instead: a newer one, or this one after a repeated delivery.
            return
        if step.turn is None:
            self._sources.compare_all()
        entered_at = self._documents.enter_index(self._settings.search_index)
        reading, waiting, used = self._look(is_new=step.turn is None)
        self._documents.add_indices(name for address in used if (name := self._settings.index_at(address)))
        for namespace, document in waiting[: max(0, MAX_READING - reading)]:
            self._read(namespace, document)
        count(DocumentsToReadAgain=reading + len(waiting))
        if reading or waiting or not self._drop_unused(context, used, entered_at):
            turn = new_id()
            self._queue.send([Sweep(turn=turn)], delay=SWEEP_SECONDS)
            # After the message: a sweep that is killed in between is delivered again, and the message is obsolete.
            self._documents.set_sweep_turn(turn)

    def _look(self, *, is_new: bool) -> tuple[int, list[tuple[str, DocumentItem]], set[str]]:
        """How many documents are being read again, which ones wait for it, and the indices with live documents."""
        reading = 0
        waiting, used = [], set()
        for namespace, document in self._documents.scan():
            if is_new and self._sources.is_stray(namespace, document):
                self._sources.remove(namespace, document.id)
                continue
            if document.live_generation is None or document.live_index is None:
                continue
            used.add(document.live_index)
            if document.live_index == self._settings.index_address:
                self._complete(namespace, document)
                continue
            if document.ingesting_generation:
                reading += 1
                self._resume_stalled(namespace, document, document.ingesting_generation)
            elif document.status == "ready":
                waiting.append((namespace, document))
            elif is_new and document.error_code == GIVEN_UP:
                reading += 1
                self._queue.send([Start(namespace=namespace, document=document.id)])
        return reading, waiting, used

    def _complete(self, namespace: str, document: DocumentItem) -> None:
        """Records the model of a document from before it was stored, while it is known: the stage's."""
        if document.live_model is not None:
            return
        try:
            self._documents.record_place(namespace, document, self._settings.place)
        except StaleWriteError:
            return

    def _resume_stalled(self, namespace: str, document: DocumentItem, generation: str) -> None:
        """A sweep that was killed may have started a generation without queueing its ranges."""
        progress = self._documents.progress(document.id, generation)
        if progress is None or not progress.stalled(RESUMED_SECONDS, self._now()):
            return
        self._queue.send([Start(namespace=namespace, document=document.id)])
        try:
            # Not again before it had its time.
            self._documents.touch_ingestion(document.id, generation)
        except StaleWriteError:
            return

    def _drop_unused(self, context: Context, used: set[str], entered_at: int) -> bool:
        """Deletes the indices without live documents. Returns whether that is done."""
        unused = [
            name
            for name in self._documents.indices()
            if name != self._settings.search_index and self._settings.address_of(name) not in used
        ]
        if unused and self._now() - entered_at < ENTERED_SECONDS:
            return False
        for name in unused:
            index = self._index.named(name)
            # Stages may share a domain, and there an index of the same name.
            if self._settings.search_service != "es" or index.is_empty(context.deadline):
                index.drop(context.deadline)
            self._documents.forget_index(name)
        return True
