"""Python client of the bedrock-endpoints REST APIs."""

from bedrock_endpoints import errors
from bedrock_endpoints._version import __version__
from bedrock_endpoints.client import AsyncClient, Client
from bedrock_endpoints.discovery import Stage, find_stage, local_stage
from bedrock_endpoints.events import Event, EventParser

__all__ = [
    "AsyncClient",
    "Client",
    "Event",
    "EventParser",
    "Stage",
    "__version__",
    "errors",
    "find_stage",
    "local_stage",
]
