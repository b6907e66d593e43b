"""Deletes objects in S3 for good."""

from collections.abc import Callable
from typing import Any

from lambda_src.shared import aws


def erase_object(s3: Any, bucket: str, key: str) -> None:
    """Deletes all versions of an object: in a versioned bucket, a plain deletion only hides it.

    Does nothing when there is none. Raises `Unavailable`; a retry continues.
    """
    _erase(s3, bucket, key, lambda found: found == key)


def erase_folder(s3: Any, bucket: str, folder: str) -> None:
    """Deletes all versions of all objects whose keys begin with `folder` and a slash, as `erase_object` does."""
    _erase(s3, bucket, f"{folder}/", lambda _found: True)


def _erase(s3: Any, bucket: str, prefix: str, is_meant: Callable[[str], bool]) -> None:
    with aws.store_errors():
        while True:
            # A listing has at most 1,000 versions, as many as one deletion takes.
            listing = s3.list_object_versions(Bucket=bucket, Prefix=prefix)
            versions = [
                {"Key": entry["Key"], "VersionId": entry["VersionId"]}
                for entry in (*listing.get("Versions", ()), *listing.get("DeleteMarkers", ()))
                if is_meant(entry["Key"])
            ]
            if not versions:
                return
            answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": versions, "Quiet": True})
            if answer.get("Errors"):
                raise aws.store_unavailable(answer["Errors"][0].get("Code", ""))
