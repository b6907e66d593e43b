"""Small local models behind Bedrock's API, in a separate process: `python -m dev.local.models`."""
