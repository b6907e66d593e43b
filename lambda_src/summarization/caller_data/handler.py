"""Entry point of the function that erases and exports."""

from lambda_src.shared import start  # isort: skip  (first: it disables garbage collection during the other imports)

from lambda_src.summarization.caller_data.data import ReportData
from lambda_src.shared.caller_data import make_handler

handler = make_handler(ReportData)
start.done()
