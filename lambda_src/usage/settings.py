"""The settings of the usage API."""

from lambda_src.shared.routes import AUDITOR, CALLER
from lambda_src.shared.settings import Group, Options, Settings


class UsageOptions(Options, frozen=True, kw_only=True):
    """What the function reads of a stage's setting `auth`."""

    # Groups that may see everyone's use and change limits. Left out: those whose IAM policies have the routes.
    admins: tuple[Group, ...] = ()
    # Groups that may only see it.
    auditors: tuple[Group, ...] = ()


class UsageSettings(Settings, frozen=True, kw_only=True):
    """The environment of the function."""

    options: UsageOptions = UsageOptions()

    def admits(self, roles: tuple[str, ...], groups: frozenset[str], *, by_token: bool) -> bool:
        if CALLER in roles or not self.options.admins:
            return True
        auditors = self.options.auditors if AUDITOR in roles else ()
        return not groups.isdisjoint((*self.options.admins, *auditors))
