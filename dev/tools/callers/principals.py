"""The unique id of the IAM principal that an ARN names today."""

import re
from datetime import datetime
from typing import Any

import msgspec
from botocore.exceptions import ClientError

_ARN = re.compile(r"arn:[^:]+:(iam|sts)::(\d{12}):(.+)")


class Unresolved(Exception):
    """The ARN has no unique id, or these credentials cannot find it. The message says why."""


class Principal(msgspec.Struct, frozen=True):
    """`role`: the role's name, if it is one; all of its sessions are this principal. `created`: None for an account."""

    id: str
    arn: str
    role: str | None = None
    created: datetime | None = None


class Principals:
    """The principals of one account."""

    def __init__(self, iam: Any, account: str) -> None:
        self._iam = iam
        self._account = account
        self._roles: dict[str, Principal] = {}

    def resolve(self, arn: str) -> Principal:
        """The principal with this ARN. Raises `Unresolved`, and `ClientError` for a call that fails otherwise."""
        match = _ARN.fullmatch(arn)
        if match is None:
            raise Unresolved("is not the ARN of an IAM principal")
        service, account, resource = match.groups()
        kind, _, name = resource.partition("/")
        if account != self._account:
            raise Unresolved(f"belongs to the account {account}, these credentials to {self._account}")
        if (service, resource) == ("iam", "root"):
            return Principal(account, arn)
        if (service, kind) == ("sts", "assumed-role"):
            return self._role(name.partition("/")[0])
        if (service, kind) == ("iam", "user"):
            return self._user(arn)
        raise Unresolved("has no unique id")

    def _role(self, name: str) -> Principal:
        if name not in self._roles:
            role = self._get(self._iam.get_role, RoleName=name)["Role"]
            self._roles[name] = Principal(role["RoleId"], role["Arn"], name, role["CreateDate"])
        return self._roles[name]

    def _user(self, arn: str) -> Principal:
        user = self._get(self._iam.get_user, UserName=arn.rpartition("/")[2])["User"]
        if user["Arn"] != arn:
            raise Unresolved(f"no longer exists; the user with its name is {user['Arn']}")
        return Principal(user["UserId"], arn, created=user["CreateDate"])

    @staticmethod
    def _get(call: Any, **arguments: str) -> Any:
        try:
            return call(**arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchEntity":
                raise Unresolved("no longer exists") from error
            raise
