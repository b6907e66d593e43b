"""The images of a caller: records and pictures."""

from typing import Any

from lambda_src.image_generation.models import ImageRecord
from lambda_src.image_generation.pictures import erase_pictures
from lambda_src.image_generation.resources import object_key, thumbnail_key
from lambda_src.shared import aws
from lambda_src.shared.caller_data import CallerDataSettings, CallerRecords, Run
from lambda_src.shared.store import RecordStore


def image_data(settings: CallerDataSettings, store: RecordStore | None = None, s3: Any = None) -> CallerRecords:
    """What image generation keeps of callers."""
    bucket = str(settings.bucket_name)
    client = s3 or aws.store_client("s3")

    def erase(record: ImageRecord) -> None:
        erase_pictures(client, bucket, record.id)

    def export(run: Run, record: ImageRecord) -> None:
        run.archive.copy(f"images/{record.id}.png", bucket, object_key(record.id))
        if record.has_thumbnail:
            run.archive.copy(f"images/{record.id}.thumbnail.jpg", bucket, thumbnail_key(record.id))

    store = store or RecordStore(settings.table_name, "image", ImageRecord)
    return CallerRecords("images", store, erase=erase, export=export)
