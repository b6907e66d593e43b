"""What every test starts from: no AWS of the machine, and an environment as a function has it."""

import os
from unittest.mock import patch

for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]
os.environ.update(
    AWS_DEFAULT_REGION="us-west-2",
    AWS_ACCESS_KEY_ID="test",
    AWS_SECRET_ACCESS_KEY="test",
    AWS_EC2_METADATA_DISABLED="true",
    POWERTOOLS_SERVICE_NAME="test",
    POWERTOOLS_METRICS_NAMESPACE="BedrockEndpoints",
)
# Read by this module only, when it is imported: for make and the end-to-end tests, the variable names another stage.
with patch.dict(os.environ, STAGE="test"):
    import lambda_src.shared.observability  # noqa: F401
