"""The objects of an image in the bucket."""

from typing import Any

from lambda_src.image_generation.resources import object_key, thumbnail_key
from lambda_src.shared.objects import erase_object


def erase_pictures(s3: Any, bucket: str, image_id: str) -> None:
    """Deletes an image's objects for good. Raises `Unavailable`; a retry continues."""
    # Also without a thumbnail in the record: S3 may have stored one and its answer got lost.
    for key in (thumbnail_key(image_id), object_key(image_id)):
        erase_object(s3, bucket, key)
