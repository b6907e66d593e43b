"""The images of a caller: records and pictures."""

from collections.abc import Sequence
from typing import Any

from lambda_src.image_generation.models import ImageRecord
from lambda_src.image_generation.resources import object_key
from lambda_src.shared import aws
from lambda_src.shared.caller_data import CallerDataSettings, CallerRecords, KeptResponses, Part, Run
from lambda_src.shared.idempotency import IdempotencyStore
from lambda_src.shared.objects import erase_object
from lambda_src.shared.store import RecordStore


class ImageData:
    """What image generation keeps of callers."""

    def __init__(self, settings: CallerDataSettings, store: RecordStore | None = None, s3: Any = None) -> None:
        self._bucket = str(settings.bucket_name)
        self._s3 = s3 or aws.store_client("s3")
        store = store or RecordStore(settings.table_name, "image", ImageRecord)
        images = CallerRecords("images", store, erase=self._erase, export=self._export)
        responses = KeptResponses(settings, IdempotencyStore.of(store))
        self.erasers: Sequence[Part] = (responses.erase, images.erase)
        self.exporters: Sequence[Part] = (images.export,)

    def _erase(self, record: ImageRecord) -> None:
        erase_object(self._s3, self._bucket, object_key(record.id))

    def _export(self, run: Run, record: ImageRecord) -> None:
        run.archive.copy(f"images/{record.id}.png", self._bucket, object_key(record.id))
