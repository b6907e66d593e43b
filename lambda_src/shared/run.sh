#!/bin/sh
# Handler of a function behind AWS Lambda Web Adapter, which starts a web server instead of a Python handler.
cd "$LAMBDA_TASK_ROOT" && exec python3 -m "lambda_src.$USE_CASE.stream"
