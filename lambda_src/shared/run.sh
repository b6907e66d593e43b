#!/bin/sh
# The handler of a function behind AWS Lambda Web Adapter, which starts it instead of a Python module.
cd "$LAMBDA_TASK_ROOT" && exec python3 -m "lambda_src.$USE_CASE.stream"
