"""The texts of the conversations' documents in the bucket. The documents themselves are not kept."""

import hashlib
from collections.abc import Sequence
from typing import Any

from lambda_src.chatbot.documents import ReadDocument
from lambda_src.chatbot.message_item import MessageItem, StoredDocument
from lambda_src.chatbot.stored_files import StoredFiles, file_key

PREFIX = "document-texts"
CONTENT_TYPE = "text/plain; charset=utf-8"

# Texts by the id of their document's message and the index in it; None for one that no longer exists.
DocumentTexts = dict[tuple[str, int], str | None]


class DocumentStore(StoredFiles):
    """The documents of one stage."""

    def __init__(self, bucket: str, client: Any = None) -> None:
        super().__init__(bucket, PREFIX, client)

    def put(self, conversation_id: str, documents: Sequence[ReadDocument], message: int) -> None:
        """Stores the texts of the message with that number."""
        for document in documents:
            self._put(conversation_id, describe(document, message), document.text.encode(), CONTENT_TYPE)

    def read(self, conversation_id: str, documents: Sequence[StoredDocument]) -> list[ReadDocument | None]:
        """The documents with their texts; None for one that no longer exists."""
        contents = self._read_all(conversation_id, documents)
        return [_read(stored, data) if data else None for stored, data in zip(documents, contents, strict=True)]

    def texts(self, conversation_id: str, messages: Sequence[MessageItem]) -> DocumentTexts:
        """The texts of the messages' documents."""
        keys = [(message.id, index) for message in messages for index in range(len(message.documents))]
        stored = [document for message in messages for document in message.documents]
        documents = self.read(conversation_id, stored)
        return {key: document.text if document else None for key, document in zip(keys, documents, strict=True)}


def describe(document: ReadDocument, message: int) -> StoredDocument:
    """What the message with that number stores of a document."""
    text = document.text.encode()
    return StoredDocument(
        name=document.name,
        content_type=document.content_type,
        digest=hashlib.sha256(text).hexdigest(),
        bytes=len(text),
        characters=len(document.text),
        pages=document.pages,
        pages_without_text=document.pages_without_text,
        message=message,
    )


def document_key(conversation_id: str, document: StoredDocument) -> str:
    """A document's key in the bucket."""
    return file_key(PREFIX, conversation_id, document)


def _read(stored: StoredDocument, data: bytes) -> ReadDocument:
    return ReadDocument(
        name=stored.name,
        content_type=stored.content_type,
        text=data.decode(),
        pages=stored.pages,
        pages_without_text=stored.pages_without_text,
    )
