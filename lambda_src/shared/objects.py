"""Deletes objects in S3 for good."""

from typing import Any

from lambda_src.shared import aws


def erase_object(s3: Any, bucket: str, key: str) -> None:
    """Deletes all versions of an object: in a versioned bucket, a plain deletion only hides it.

    Does nothing when there is none. Raises `Unavailable`; a retry continues.
    """
    with aws.store_errors():
        while True:
            listing = s3.list_object_versions(Bucket=bucket, Prefix=key)
            versions = [
                {"Key": key, "VersionId": entry["VersionId"]}
                for entry in (*listing.get("Versions", ()), *listing.get("DeleteMarkers", ()))
                if entry["Key"] == key
            ]
            if not versions:
                return
            answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": versions, "Quiet": True})
            if answer.get("Errors"):
                raise aws.store_unavailable(answer["Errors"][0].get("Code", ""))
