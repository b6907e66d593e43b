"""Who calls: the subject of a Cognito token, or the unique id of an IAM principal.

Nobody can choose or inherit either. An ARN would not do: the session name in it is chosen by those who assume the role,
and a new user or role with an old name has the old ARN.

Callers of two kinds never have the same id, because the forms differ: a subject is a UUID, the id of a role or a user
is `AROA` or `AIDA` and capitals and digits, that of an account twelve digits. Subjects of another token issuer may have
any form, so its callers need a prefix with the issuer.
"""

import re
from typing import Any

# A session of a role is `AROA...:name`; all sessions of a role are one caller. A federated user, `<account>:name`, has
# no id: its name is chosen by the one who requests the token, and the account is not the one that calls.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#principaltable
_PRINCIPAL = re.compile(r"(AROA[A-Z0-9]+)(?::.*)?|(AIDA[A-Z0-9]+|[0-9]{12})")


def find_caller(request_context: dict[str, Any]) -> str | None:
    """The caller in the gateway's request context; None if it names none, or none with an id."""
    claims = (request_context.get("authorizer") or {}).get("claims") or {}
    subject = claims.get("sub")
    return str(subject) if subject else principal_id(_identity(request_context).get("user"))


def principal_id(user: str | None) -> str | None:
    """The unique id of the role, user or account (for its root) in the gateway's `identity.user`."""
    match = _PRINCIPAL.fullmatch(user or "")
    return match[1] or match[2] if match else None


def principal_arn(request_context: dict[str, Any]) -> str | None:
    """The IAM principal's ARN, for logs."""
    return _identity(request_context).get("userArn")


def _identity(request_context: dict[str, Any]) -> dict[str, Any]:
    return request_context.get("identity") or {}
