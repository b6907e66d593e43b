"""The settings of caller data's functions."""

from lambda_src.shared.routes import ADMIN
from lambda_src.shared.settings import Settings


class ErasureSettings(Settings, frozen=True, kw_only=True):
    """The environment of the API's function and the worker's."""

    queue_url: str
    max_receives: int = 8
    # Groups that may erase other callers' data. Without any, nobody may.
    admins: tuple[str, ...] = ()
    # The ids of the stage's use cases.
    use_cases: tuple[str, ...] = ()
    # For receipts.
    log_retention_days: int = 0
    api_keys: bool = False

    def admits(self, roles: tuple[str, ...], groups: frozenset[str], *, by_token: bool) -> bool:
        return ADMIN not in roles or (not by_token and not groups.isdisjoint(self.admins))

    def function_name(self, use_case: str) -> str:
        """The name of a use case's function that erases and exports."""
        return f"bedrock-endpoints-{self.stage}-{use_case}-caller-data"
