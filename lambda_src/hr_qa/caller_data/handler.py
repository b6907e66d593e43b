"""Entry point of the function that erases and exports."""

from lambda_src.shared import start  # isort: skip  (first: it disables garbage collection during the other imports)

from lambda_src.hr_qa.caller_data.data import DocumentData, HrCallerDataSettings
from lambda_src.shared.caller_data import make_handler

handler = make_handler(DocumentData, HrCallerDataSettings)
start.done()
