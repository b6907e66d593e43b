"""The local stage's IAM users: two can call the APIs, one has no permissions."""

import contextlib
import json
from pathlib import Path
from typing import Any

from dev.local.paths import write_private

# The caller's only permission. Callers on AWS need the same policy.
MAY_CALL = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}],
}
USERS: dict[str, dict[str, Any] | None] = {
    "caller": MAY_CALL,
    # A second caller, for tests that callers cannot access each other's items.
    "neighbour": MAY_CALL,
    # A valid identity without permissions.
    "stranger": None,
}


def ensure(iam: Any, target: Path) -> dict[str, dict[str, str]]:
    """
    Creates missing users and writes the access keys to `target`.

    :param iam: an IAM client with administrator permissions.
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
    existing = [key["AccessKeyId"] for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]]
    if known and known["accessKeyId"] in existing:
        return known
    for key in existing:
        # Its secret is lost: IAM returns it only on creation.
        iam.delete_access_key(UserName=name, AccessKeyId=key)
    created = iam.create_access_key(UserName=name)["AccessKey"]
    return {"accessKeyId": created["AccessKeyId"], "secretAccessKey": created["SecretAccessKey"]}
