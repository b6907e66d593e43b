"""Documents in a request, read by a function of its own: parsers of documents are slow to import, and hostile files are
written for them."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from lambda_src.chatbot.models import Document
from lambda_src.shared import aws
from lambda_src.shared.errors import InvalidRequest, TooLarge, Unavailable
from lambda_src.shared.observability import logger
from lambda_src.shared.photos import MAX_PHOTO_BYTES, Photo
from lambda_src.shared.schemas import check_file_name

# The function's timeout, and time for the call itself.
READ_SECONDS = 20
CALL_SECONDS = READ_SECONDS + 3
_ATTEMPTS = 1
# A request's limit, together with its photos: base64 of more does not fit into Lambda's 6 MB.
MAX_BYTES = MAX_PHOTO_BYTES
RETRY_AFTER_SECONDS = 2


class ReadTask(msgspec.Struct, frozen=True):
    """The event of the function that reads."""

    name: str
    content: bytes


class ReadResult(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Its result: the text, or why there is none (`problem`, and `reason` for programs)."""

    text: str = ""
    content_type: str = ""
    pages: int | None = None
    pages_without_text: int = 0
    problem: str | None = None
    reason: str | None = None


class ReadDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A document that was read. Its fields are those of `StoredDocument`."""

    name: str
    content_type: str
    text: str
    pages: int | None = None
    pages_without_text: int = 0


class DocumentReader:
    """Reads documents with the stage's function."""

    def __init__(self, function: str, client: Any = None) -> None:
        self._function = function
        self._client = client

    def read(self, documents: Sequence[Document]) -> list[ReadDocument]:
        """Raises `InvalidRequest` for a document that cannot be read, and `Unavailable`."""
        if not documents:
            return []
        # Created for the first document: most requests have none.
        self._client = self._client or aws.slow_client("lambda", CALL_SECONDS, _ATTEMPTS)
        with ThreadPoolExecutor(max_workers=len(documents)) as pool:
            results = list(pool.map(self._call, documents))
        for index, (document, result) in enumerate(zip(documents, results, strict=True)):
            if result.problem:
                path, message = f"body.documents[{index}]", f"“{document.name}”: {result.problem}"
                raise InvalidRequest.at(path, message, result.reason)
        return [
            ReadDocument(
                # It is part of the prompt.
                name=" ".join(document.name.split()),
                content_type=result.content_type,
                text=result.text,
                pages=result.pages,
                pages_without_text=result.pages_without_text,
            )
            for document, result in zip(documents, results, strict=True)
        ]

    def _call(self, document: Document) -> ReadResult:
        payload = msgspec.json.encode(ReadTask(document.name, document.content))
        try:
            answer = self._client.invoke(FunctionName=self._function, Payload=payload)
            content = answer["Payload"].read()
        except (ClientError, BotoCoreError) as error:
            raise _unavailable(type(error).__name__) from error
        if "FunctionError" in answer:
            # The content may repeat the document. The function's log says what happened.
            raise _unavailable("FunctionError")
        return msgspec.json.decode(content, type=ReadResult)


def check_documents(documents: Sequence[Document], photos: Sequence[Photo]) -> None:
    """Raises `InvalidRequest` and `TooLarge`, before anything is read."""
    for index, document in enumerate(documents):
        check_file_name(f"body.documents[{index}].name", document.name)
    size = sum(len(document.content) for document in documents) + sum(len(photo.data) for photo in photos)
    if documents and size > MAX_BYTES:
        raise TooLarge(f"The documents and photos exceed {MAX_BYTES // 1024**2} MB in total.")


def _unavailable(reason: str) -> Unavailable:
    logger.warning("documents not read", reason=reason)
    message = f"Documents cannot be read at the moment ({reason})."
    return Unavailable(message, retry_after=RETRY_AFTER_SECONDS)
