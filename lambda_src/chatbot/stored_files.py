"""The files of conversations in the bucket. A file's key is its conversation, its message's number, and its digest.

So a retried turn writes the same objects, a replaced message's files are no other message's, and a deletion finds those
that a killed turn has left behind.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from botocore.exceptions import ClientError

from lambda_src.shared import aws
from lambda_src.shared.observability import logger

# Concurrent reads: twenty photos one by one take noticeably long.
READERS = 8
# Of one deletion, and of one listing.
MAX_KEYS = 1_000


class StoredFile(Protocol):
    """What a message stores of a file."""

    @property
    def digest(self) -> str: ...

    @property
    def message(self) -> int: ...


class StoredFiles:
    """The files of one stage below one prefix."""

    def __init__(self, bucket: str, prefix: str, client: Any = None) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._s3 = client or aws.store_client("s3")

    def delete(self, conversation_id: str, files: Iterable[StoredFile]) -> None:
        """Deletes these files, as far as they exist."""
        keys = [{"Key": file_key(self._prefix, conversation_id, file)} for file in files]
        for start in range(0, len(keys), MAX_KEYS):
            self._delete(keys[start : start + MAX_KEYS])

    def delete_all(self, conversation_id: str) -> int:
        """Deletes all files of a conversation. Returns how many there were."""
        count = 0
        while True:
            listing = self._call("list_objects_v2", Prefix=f"{self._prefix}/{conversation_id}/")
            keys = [{"Key": entry["Key"]} for entry in listing.get("Contents", [])]
            if not keys:
                return count
            self._delete(keys)
            count += len(keys)

    def _put(self, conversation_id: str, file: StoredFile, data: bytes, content_type: str) -> None:
        key = file_key(self._prefix, conversation_id, file)
        self._call("put_object", Key=key, Body=data, ContentType=content_type)

    def _read_all(self, conversation_id: str, files: Sequence[StoredFile]) -> list[bytes | None]:
        """The files' bytes; None for one that no longer exists."""
        if not files:
            return []
        with ThreadPoolExecutor(max_workers=min(READERS, len(files))) as pool:
            return list(pool.map(lambda file: self._read(file_key(self._prefix, conversation_id, file)), files))

    def _delete(self, keys: list[dict[str, str]]) -> None:
        answer = self._call("delete_objects", Delete={"Objects": keys, "Quiet": True})
        if answer.get("Errors"):
            raise aws.store_unavailable(answer["Errors"][0].get("Code", ""))

    def _read(self, key: str) -> bytes | None:
        with aws.store_errors():
            try:
                # The body is read here because its connection may break, too.
                return bytes(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read())
            except ClientError as error:
                # S3 answers AccessDenied for a missing object because the function may not list the bucket.
                if error.response["Error"]["Code"] not in ("NoSuchKey", "AccessDenied"):
                    raise
        logger.warning("file missing", key=key)
        return None

    def _call(self, operation: str, **arguments: Any) -> Any:
        with aws.store_errors():
            return getattr(self._s3, operation)(Bucket=self._bucket, **arguments)


def file_key(prefix: str, conversation_id: str, file: StoredFile) -> str:
    """A file's key in the bucket."""
    message = f"{file.message}/" if file.message else ""
    return f"{prefix}/{conversation_id}/{message}{file.digest}"
