"""What a stage says about the chatbot, beside what it says about every use case."""

from lambda_src.shared.catalogue import Invocation
from lambda_src.shared.errors import InvalidRequest
from lambda_src.shared.settings import Settings


class ChatSettings(Settings, frozen=True, kw_only=True):
    """`window_tokens`: how much of a conversation the model is given word by word before the oldest is summarized.
    `retention_days`: after how many days from its beginning a conversation expires; 0 for never."""

    queue_url: str
    max_receives: int = 5
    window_tokens: int = 8_000
    retention_days: int = 0

    def model_of(self, chosen: str) -> Invocation:
        """The model that a conversation has; the stage's default when that one is no longer offered: models end."""
        try:
            return self.model(chosen)
        except InvalidRequest:
            return self.model(None)
