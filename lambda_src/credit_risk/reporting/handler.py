"""Entry point of the scheduled function."""

from lambda_src.shared import start  # isort: skip  (first: it disables garbage collection during the other imports)

from typing import Any

from lambda_src.shared.context import Deadline
from lambda_src.shared.settings import read_settings

from lambda_src.credit_risk.counters import Counters
from lambda_src.credit_risk.registry import ModelRegistry
from lambda_src.credit_risk.reports import DailyReport
from lambda_src.credit_risk.settings import CreditSettings


def make_report() -> DailyReport:
    """Builds the report, once per process."""
    settings = read_settings(CreditSettings)
    registry = ModelRegistry(settings.table_name, str(settings.bucket_name), samples=settings.options.sample_models)
    return DailyReport(registry, Counters(settings.table_name))


report = make_report()


def handler(_event: object, lambda_context: Any) -> dict[str, dict[str, float]]:
    """Returns the metrics by the models' role."""
    return report.run(Deadline(lambda_context.get_remaining_time_in_millis() / 1000))


start.done()
