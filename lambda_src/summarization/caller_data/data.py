"""The reports of a caller: records with their older versions, and photos."""

from collections.abc import Sequence

from lambda_src.shared.caller_data import CallerDataSettings, CallerRecords, Part, Run
from lambda_src.summarization.models import SummaryRecord
from lambda_src.summarization.photo_store import PhotoStore, photo_key
from lambda_src.summarization.store import SummaryStore

_ENDINGS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}


class ReportData:
    """What summarization keeps of callers."""

    def __init__(
        self, settings: CallerDataSettings, store: SummaryStore | None = None, photos: PhotoStore | None = None
    ) -> None:
        self._bucket = str(settings.bucket_name)
        self._store = store or SummaryStore(settings.table_name)
        self._photos = photos or PhotoStore(self._bucket)
        records = CallerRecords("reports", self._store, export=self._export)
        # The photos at once, because those of a killed request have no record.
        self.erasers: Sequence[Part] = (*records.erasers, self._erase_photos)
        self.exporters: Sequence[Part] = records.exporters

    def _erase_photos(self, run: Run, cursor: str | None) -> str | None:
        self._photos.erase_all(run.caller)
        return None

    def _export(self, run: Run, record: SummaryRecord) -> None:
        folder = f"reports/{record.id}"
        for number, content_type in enumerate(record.photo_types, 1):
            key = photo_key(run.caller, record.id, number)
            name = f"{folder}/{number}.{_ENDINGS[content_type]}"
            run.count("photos", int(run.archive.copy(name, self._bucket, key)))
        if record.version > 1:
            run.archive.add(f"{folder}/versions.json", self._store.versions(run.caller, record.id))
