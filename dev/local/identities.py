"""The IAM users of the local stage: one that may call the APIs, one that may do nothing."""

import contextlib
import json
from pathlib import Path
from typing import Any

from dev.local.paths import write_private

# The only thing a caller may do. On AWS, too: this is the policy to give a caller.
_MAY_CALL = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}],
}
USERS: dict[str, dict[str, Any] | None] = {
    "caller": _MAY_CALL,
    # A second one, to see that nobody reaches what another one made.
    "neighbour": _MAY_CALL,
    # Known to AWS, allowed nothing.
    "stranger": None,
}


def ensure(iam: Any, target: Path) -> dict[str, dict[str, str]]:
    """
    Create the users that are missing and write their keys to `target`.

    :param iam: a client for IAM that may do everything.
    :returns: user -> `accessKeyId`, `secretAccessKey`.
    """
    try:
        known: dict[str, dict[str, str]] = json.loads(target.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    keys = {name: _ensure_user(iam, name, policy, known.get(name)) for name, policy in USERS.items()}
    if keys != known:
        write_private(target, json.dumps(keys, indent=2) + "\n")
    return keys


def _ensure_user(iam: Any, name: str, policy: dict[str, Any] | None, known: dict[str, str] | None) -> dict[str, str]:
    with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_user(UserName=name)
    if policy:
        iam.put_user_policy(UserName=name, PolicyName="may-call", PolicyDocument=json.dumps(policy))
    held = [key["AccessKeyId"] for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]]
    if known and known["accessKeyId"] in held:
        return known
    for key in held:
        # Its secret is lost: IAM tells it once only.
        iam.delete_access_key(UserName=name, AccessKeyId=key)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return {"accessKeyId": made["AccessKeyId"], "secretAccessKey": made["SecretAccessKey"]}
