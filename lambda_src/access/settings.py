"""The settings of access by tokens."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from lambda_src.shared.schemas import UseCaseId
from lambda_src.shared.settings import Group, Options, Settings

# Asymmetric ones only: with a shared secret, everyone who checks tokens could make them.
# https://datatracker.ietf.org/doc/html/rfc8725#section-3.1
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
# A plain address only where nobody else listens: a test's issuer.
IssuerUrl = Annotated[
    str, Meta(pattern=r"^(https://[^/?#\s]+|http://(localhost|127\.0\.0\.1):[0-9]{1,5})(/[^?#\s]*)?$", max_length=255)
]


class Issuer(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """An OpenID Connect issuer, such as Okta, Entra ID or Keycloak, whose tokens callers send.

    `url` is the issuer's identifier, the `iss` of its tokens; the discovery document is below it. `audiences` are the
    `aud` of tokens for this API. `groupsClaim` and `nameClaim` name a claim, or one inside another one with dots
    (`realm_access.roles`).
    """

    url: IssuerUrl
    audiences: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=255)], ...], Meta(min_length=1)]
    algorithms: Annotated[tuple[Algorithm, ...], Meta(min_length=1)] = ("RS256",)
    groups_claim: Annotated[str, Meta(min_length=1, max_length=128)] = "groups"
    # Shown in logs only. Left out: none, since names are personal data.
    name_claim: Annotated[str, Meta(min_length=1, max_length=128)] | None = None


class AccessOptions(Options, frozen=True, kw_only=True):
    """What the functions read of a stage's setting `auth`."""

    # Groups that may manage keys. Left out: everyone that the gateway lets in, such as those with an invoke policy.
    admins: tuple[Group, ...] = ()
    # The groups that settings name. A token's others mean nothing here, and would not fit into the gateway's context.
    groups: tuple[Group, ...] = ()
    issuers: tuple[Issuer, ...] = ()
    # The ids of the stage's use cases, which keys may be limited to.
    use_cases: tuple[UseCaseId, ...] = ()


class AccessSettings(Settings, frozen=True, kw_only=True):
    """The environment of the keys' function."""

    options: AccessOptions = AccessOptions()

    def admits(self, roles: tuple[str, ...], groups: frozenset[str], *, by_token: bool) -> bool:
        return not self.options.admins or not groups.isdisjoint(self.options.admins)


class AuthorizerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The environment of the authorizer. Without a table the stage has no keys."""

    table_name: str | None = None
    options: AccessOptions = AccessOptions()
