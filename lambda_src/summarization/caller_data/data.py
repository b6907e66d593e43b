"""The reports of a caller."""

from lambda_src.shared.caller_data import CallerDataSettings, CallerRecords
from lambda_src.shared.store import RecordStore
from lambda_src.summarization.models import SummaryRecord


def report_data(settings: CallerDataSettings, store: RecordStore | None = None) -> CallerRecords:
    """What summarization keeps of callers."""
    return CallerRecords("reports", store or RecordStore(settings.table_name, "summary", SummaryRecord))
