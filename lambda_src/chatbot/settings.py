"""The chatbot's settings."""

from typing import Annotated

from msgspec import Meta

from lambda_src.shared.catalog import Invocation
from lambda_src.shared.context import Context
from lambda_src.shared.errors import InvalidRequest
from lambda_src.shared.settings import Options, Settings


class ChatbotOptions(Options, frozen=True, kw_only=True):
    """The setting `chatbot` of a stage."""

    # Estimated tokens of a conversation that the model gets verbatim; older messages are summarized.
    window_tokens: Annotated[int, Meta(ge=500, le=100_000)] = 8_000
    # Estimated tokens of a message's documents, and of those in the messages that the model gets verbatim.
    document_tokens: Annotated[int, Meta(ge=1_000, le=500_000)] = 50_000
    # Conversations expire this many days after creation. 0: never.
    retention_days: Annotated[int, Meta(ge=0, le=3_650)] = 0


class ChatSettings(Settings, frozen=True, kw_only=True):
    """The environment of the chatbot's functions."""

    queue_url: str
    max_receives: int = 5
    # Of the functions behind the API: the function that reads documents.
    reader_function: str = ""
    options: ChatbotOptions = ChatbotOptions()

    def model_of(self, context: Context, chosen: str) -> Invocation:
        """The conversation's model, or the default when the stage no longer offers it. Raises `Forbidden`."""
        try:
            return self.model(context, chosen)
        except InvalidRequest:
            return self.model(context, None)
