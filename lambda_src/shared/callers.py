"""Who calls: the subject of a Cognito token, the unique id of an IAM principal, or what the stage's authorizer found.

Nobody can choose or inherit any of them. An ARN would not do: the session name in it is chosen by those who assume the
role, and a new user or role with an old name has the old ARN.

Callers of two kinds never have the same id, because the forms differ: a subject is a UUID, the id of a role or a user
is `AROA` or `AIDA` and capitals and digits, that of an account twelve digits. The authorizer's callers have a prefix:
`oidc:` with the issuer, or `owner:` for a key's owner (lambda_src/access/authorizer).

Groups are names that administrators choose: those of a token or a key, or the name of an IAM role. They grant access to
what is shared, and never identify a caller.
"""

import hashlib
import json
import re
from typing import Any, Literal, NamedTuple

# A session of a role is `AROA...:name`; all sessions of a role are one caller. A federated user, `<account>:name`, has
# no id: its name is chosen by the one who requests the token, and the account is not the one that calls.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#principaltable
# A role of the account that the API belongs to. The session's name is the caller's choice, and is not used.
_ROLE = re.compile(r"arn:[a-z-]+:sts::([0-9]{12}):assumed-role/([^/]+)/.+")
_PRINCIPAL = re.compile(r"(AROA[A-Z0-9]+)(?::.*)?|(AIDA[A-Z0-9]+|[0-9]{12})")

Source = Literal["iam", "cognito", "token", "key"]

# Of a namespace. The names of shared spaces are shorter.
NAMESPACE_CHARACTERS = 32


class Grant(NamedTuple):
    """What the stage's authorizer says of a caller beyond its id. `use_cases`, `models`: None for all.

    `by_token`: whether the authorizer let the caller in, with a token or a key.
    """

    by_token: bool = False
    name: str | None = None
    team: str | None = None
    key_id: str | None = None
    use_cases: frozenset[str] | None = None
    models: frozenset[str] | None = None


NO_GRANT = Grant()


def find_grant(request_context: dict[str, Any]) -> Grant:
    """The authorizer's context. Other ways to call have none, and no limits."""
    authorizer = _authorizer(request_context)
    if "caller" not in authorizer:
        return NO_GRANT
    return Grant(
        by_token=True,
        name=authorizer.get("name"),
        team=authorizer.get("team"),
        key_id=authorizer.get("keyId"),
        use_cases=_texts(authorizer["useCases"]) if "useCases" in authorizer else None,
        models=_texts(authorizer["models"]) if "models" in authorizer else None,
    )


def find_caller(request_context: dict[str, Any]) -> str | None:
    """The caller in the gateway's request context; None if it names none, or none with an id."""
    authorizer = _authorizer(request_context)
    if "caller" in authorizer:
        return str(authorizer["caller"])
    subject = (authorizer.get("claims") or {}).get("sub")
    return str(subject) if subject else principal_id(_identity(request_context).get("user"))


def principal_id(user: str | None) -> str | None:
    """The unique id of the role, user or account (for its root) in the gateway's `identity.user`."""
    match = _PRINCIPAL.fullmatch(user or "")
    return match[1] or match[2] if match else None


def find_source(request_context: dict[str, Any]) -> Source:
    """How the caller was let in."""
    authorizer = _authorizer(request_context)
    if "caller" in authorizer:
        return "key" if "keyId" in authorizer else "token"
    return "cognito" if authorizer.get("claims") else "iam"


def find_groups(request_context: dict[str, Any]) -> frozenset[str]:
    """The caller's groups: the authorizer's, a token's `cognito:groups`, or the name of the role of this account."""
    authorizer = _authorizer(request_context)
    if "caller" in authorizer:
        return _texts(authorizer.get("groups", "[]"))
    claims = authorizer.get("claims") or {}
    if claims:
        # REST APIs join the claim's list with commas, HTTP APIs with spaces in brackets. Names have no white space.
        text = str(claims.get("cognito:groups") or "")
        text = text[1:-1] if text.startswith("[") and text.endswith("]") else text
        return frozenset(text.replace(",", " ").split())
    match = _ROLE.fullmatch(principal_arn(request_context) or "")
    # A role of another account may have any name.
    return frozenset({match[2]}) if match and match[1] == request_context.get("accountId") else frozenset()


def principal_arn(request_context: dict[str, Any]) -> str | None:
    """The IAM principal's ARN, for logs."""
    return _identity(request_context).get("userArn")


def caller_namespace(caller: str) -> str:
    """The namespace of a caller's files: a digest, so that no object name reveals the caller."""
    return hashlib.sha256(caller.encode()).hexdigest()[:NAMESPACE_CHARACTERS]


def _authorizer(request_context: dict[str, Any]) -> dict[str, Any]:
    return request_context.get("authorizer") or {}


def _texts(encoded: str) -> frozenset[str]:
    """A list of the authorizer's context, which is JSON in it: the gateway passes texts only."""
    return frozenset(map(str, json.loads(encoded)))


def _identity(request_context: dict[str, Any]) -> dict[str, Any]:
    return request_context.get("identity") or {}
