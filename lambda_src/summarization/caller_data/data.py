"""The reports of a caller."""

from collections.abc import Sequence

from lambda_src.shared.caller_data import CallerDataSettings, CallerRecords, KeptResponses, Part
from lambda_src.shared.idempotency import IdempotencyStore
from lambda_src.shared.store import RecordStore
from lambda_src.summarization.models import SummaryRecord


class ReportData:
    """What summarization keeps of callers."""

    def __init__(self, settings: CallerDataSettings, store: RecordStore | None = None) -> None:
        store = store or RecordStore(settings.table_name, "summary", SummaryRecord)
        reports = CallerRecords("reports", store)
        responses = KeptResponses(settings, IdempotencyStore.of(store))
        self.erasers: Sequence[Part] = (responses.erase, reports.erase)
        self.exporters: Sequence[Part] = (reports.export,)
