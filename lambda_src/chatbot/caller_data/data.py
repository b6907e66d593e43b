"""The conversations of a caller, with their messages and photos.

A turn that is running may store photos although its conversation is deleted (`chatbot/memory/worker.py`). So the first
erasure leaves a conversation's item, without its texts, and the last one finds there which photos to look for.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from lambda_src.chatbot.conversations import ConversationItem, Conversations, MessageItem
from lambda_src.chatbot.photo_store import PhotoStore, photo_key
from lambda_src.chatbot.stops import StopRequests
from lambda_src.shared.caller_data import CallerDataSettings, KeptResponses, Part, Run
from lambda_src.shared.idempotency import IdempotencyStore
from lambda_src.shared.table import StaleWriteError

# Each has messages.
PAGE = 5
# Photos of one step.
PHOTOS = 100
_ENDINGS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}


class ConversationData:
    """What the chatbot keeps of callers."""

    def __init__(
        self,
        settings: CallerDataSettings,
        conversations: Conversations | None = None,
        photo_store: PhotoStore | None = None,
    ) -> None:
        self._bucket = str(settings.bucket_name)
        self._conversations = conversations or Conversations(settings.table_name)
        self._photo_store = photo_store or PhotoStore(self._bucket)
        self._stops = StopRequests.of(self._conversations)
        self._responses = IdempotencyStore.of(self._conversations)
        responses = KeptResponses(self._responses)
        self.erasers: Sequence[Part] = (responses.erase, self._erase_page)
        self.exporters: Sequence[Part] = (self._export_page, self._export_photos)

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

    def _export_photos(self, run: Run, cursor: str | None) -> str | None:
        """Some photos of one conversation. The cursor is their number, and where the conversation follows."""
        number, _, after = (cursor or "0#").partition("#")
        conversations, following = self._conversations.page(run.caller, 1, after or None)
        for conversation in conversations:
            messages = self._conversations.messages(run.caller, conversation).values()
            # The same picture in several messages is one file.
            photos = list({photo.digest: photo for message in messages for photo in message.photos}.values())
            end = int(number) + PHOTOS
            for photo in photos[int(number) : end]:
                name = f"conversations/{conversation.id}/{photo.digest}.{_ENDINGS[photo.content_type]}"
                run.count("photos", int(run.archive.copy(name, self._bucket, photo_key(conversation.id, photo))))
            if end < len(photos):
                return f"{end}#{after}"
        return f"0#{following}" if following else None


def _exported(conversation: ConversationItem, messages: Sequence[MessageItem]) -> dict[str, Any]:
    """The API's fields of a conversation and its messages, and the summary. A photo's `digest` names its file."""
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
