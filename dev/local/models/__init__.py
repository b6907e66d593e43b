"""Bedrock's models, stood in for by small ones on this machine. A process of its own: `python -m dev.local.models`."""
