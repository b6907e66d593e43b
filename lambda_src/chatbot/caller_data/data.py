"""The conversations of a caller, with their messages, photos and documents.

A turn that is running may store files although its conversation is deleted (`chatbot/memory/worker.py`). So the first
erasure leaves a conversation's item, without its texts, and the last one finds there which files to look for.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from lambda_src.chatbot.conversations import ConversationItem, Conversations
from lambda_src.chatbot.document_store import DocumentStore, document_key
from lambda_src.chatbot.message_item import MessageItem, StoredDocument, StoredPhoto
from lambda_src.chatbot.photo_store import PhotoStore, photo_key
from lambda_src.chatbot.stops import StopRequests
from lambda_src.shared.caller_data import CallerDataSettings, KeptResponses, Part, Run
from lambda_src.shared.idempotency import IdempotencyStore
from lambda_src.shared.table import StaleWriteError

# Each has messages.
PAGE = 5
# Photos and documents of one step.
FILES = 100
_ENDINGS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}


class ConversationData:
    """What the chatbot keeps of callers."""

    def __init__(
        self,
        settings: CallerDataSettings,
        conversations: Conversations | None = None,
        photo_store: PhotoStore | None = None,
        document_store: DocumentStore | None = None,
    ) -> None:
        self._bucket = str(settings.bucket_name)
        self._conversations = conversations or Conversations(settings.table_name)
        self._photo_store = photo_store or PhotoStore(self._bucket)
        self._document_store = document_store or DocumentStore(self._bucket)
        self._stops = StopRequests.of(self._conversations)
        self._responses = IdempotencyStore.of(self._conversations)
        responses = KeptResponses(self._responses)
        self.erasers: Sequence[Part] = (responses.erase, self._erase_page)
        self.exporters: Sequence[Part] = (self._export_page, self._export_files)

    def _erase_page(self, run: Run, cursor: str | None) -> str | None:
        conversations, cursor = self._conversations.stored_page(run.caller, PAGE, cursor)
        for conversation in conversations:
            self._erase(run, conversation)
        return cursor

    def _erase(self, run: Run, conversation: ConversationItem) -> None:
        try:
            self._conversations.erase_content(run.caller, conversation.id)
        except StaleWriteError:
            # The queue of deleted conversations was faster.
            return
        self._responses.forget(conversation.id)
        run.count("photos", self._photo_store.delete_all(conversation.id))
        run.count("documents", self._document_store.delete_all(conversation.id))
        run.count("messages", self._conversations.delete_messages(run.caller, conversation.id))
        self._stops.delete(run.caller, conversation.id)
        # One that was marked before has been counted, or its caller has deleted it.
        run.count("conversations", int(conversation.deleted_at is None))
        if run.is_last:
            try:
                self._conversations.delete(run.caller, conversation.id)
            except StaleWriteError:
                return

    def _export_page(self, run: Run, cursor: str | None) -> str | None:
        conversations, cursor = self._conversations.page(run.caller, PAGE, cursor)
        for conversation in conversations:
            messages = [*self._conversations.messages(run.caller, conversation).values()]
            run.archive.add(f"conversations/{conversation.id}.json", _exported(conversation, messages))
            run.count("conversations")
            run.count("messages", len(messages))
        return cursor

    def _export_files(self, run: Run, cursor: str | None) -> str | None:
        """Some files of one conversation. The cursor is their number, and where the conversation follows."""
        number, _, after = (cursor or "0#").partition("#")
        conversations, following = self._conversations.page(run.caller, 1, after or None)
        for conversation in conversations:
            messages = self._conversations.messages(run.caller, conversation).values()
            files = _files(messages)
            end = int(number) + FILES
            for file in files[int(number) : end]:
                self._copy(run, conversation.id, file)
            if end < len(files):
                return f"{end}#{after}"
        return f"0#{following}" if following else None

    def _copy(self, run: Run, conversation_id: str, file: StoredPhoto | StoredDocument) -> None:
        if isinstance(file, StoredPhoto):
            kind, key, ending = "photos", photo_key(conversation_id, file), _ENDINGS[file.content_type]
        else:
            kind, key, ending = "documents", document_key(conversation_id, file), "txt"
        name = f"conversations/{conversation_id}/{file.digest}.{ending}"
        run.count(kind, int(run.archive.copy(name, self._bucket, key)))


def _files(messages: Iterable[MessageItem]) -> list[StoredPhoto | StoredDocument]:
    """The files of the messages. The same one in several messages is one file."""
    files: dict[str, StoredPhoto | StoredDocument] = {}
    for message in messages:
        files |= {photo.digest: photo for photo in message.photos}
        files |= {document.digest: document for document in message.documents}
    return [*files.values()]


def _exported(conversation: ConversationItem, messages: Sequence[MessageItem]) -> dict[str, Any]:
    """The API's fields of a conversation and its messages, and the summary. The `digest` of a photo, or of a
    document's text, names its file."""
    header = conversation.header
    fields: dict[str, Any] = {
        "id": conversation.id,
        "title": conversation.title or conversation.preview or "",
        "instructions": header.instructions,
        "model": conversation.model,
        "parameters": header.parameters or None,
        "createdAt": header.created_at,
        "updatedAt": conversation.updated_at,
        "messageCount": conversation.message_count,
        "summary": conversation.summary,
        "messages": msgspec.to_builtins(messages),
    }
    return {name: value for name, value in fields.items() if value is not None}
