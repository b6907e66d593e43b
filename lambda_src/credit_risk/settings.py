"""Credit risk's settings."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from lambda_src.shared.settings import Options, Settings

Role = Literal["scorer", "modeller", "validator", "auditor"]


class RoleGroups(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Groups of callers that have a role: those of a token, or the name of an IAM role."""

    role: Role
    groups: tuple[Annotated[str, Meta(pattern=r"^[^*,\[\]\s]{1,128}$")], ...]


class CreditRiskOptions(Options, frozen=True, kw_only=True):
    """The setting `creditRisk` of a stage."""

    # How long scores are kept, with their applications and reviews. Regulation B asks for 25 months after the notice.
    retention_months: Annotated[int, Meta(ge=1, le=240)] = 25
    # The models trained on made-up loans, one of them active until another is. Turn them off where loans are decided.
    sample_models: bool = True
    # Who may call which routes, checked by the function: tokens know no policies. Left out: everyone that the main
    # API's authorization lets in, such as those with an invoke policy; with tokens and keys, scorers only.
    roles: tuple[RoleGroups, ...] = ()


class CreditSettings(Settings, frozen=True, kw_only=True):
    """The environment of credit risk's functions.

    `queue_url` is the queue of the batches; the function that trains has its own there, and no other.
    """

    queue_url: str = ""
    training_queue_url: str = ""
    max_receives: int = 8
    options: CreditRiskOptions = CreditRiskOptions()

    def admits(self, roles: tuple[str, ...], groups: frozenset[str], *, by_token: bool) -> bool:
        listed = self.options.roles
        if not listed:
            return not by_token or "scorer" in roles
        return any(entry.role in roles and not groups.isdisjoint(entry.groups) for entry in listed)
