"""What a check found, as one line, and how an error of AWS becomes such a line."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

Level = Literal["ok", "warning", "fail"]
# What a call may raise: AWS's answers, no connection or credentials, and settings botocore cannot make a client from.
CALL_ERRORS = (BotoCoreError, ClientError, ValueError, OSError)

_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized", "NotAuthorizedException"}
_BAD_CREDENTIALS = {
    *("ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidClientTokenId", "InvalidAccessKeyId"),
    *("InvalidToken", "SignatureDoesNotMatch", "InvalidSignatureException", "UnrecognizedClientException"),
    *("AuthFailure", "IncompleteSignature", "MissingAuthenticationToken"),
}
_LONGEST = 240


@dataclass(frozen=True)
class Finding:
    """The outcome of one check. `advice` says what to do; an `ok` has none."""

    level: Level
    check: str
    found: str
    advice: str = ""

    def __str__(self) -> str:
        advice = f" -> {self.advice}" if self.advice else ""
        return f"{self.level:<8} {self.check}: {self.found}{advice}"


@dataclass(frozen=True)
class Target:
    """Where a stage is or will be. `session` is a boto3 Session; `options` go to each of its clients."""

    stage: str
    session: Any
    region: str | None
    emulated: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    def client(self, service: str, region: str | None = None) -> Any:
        """A client in the region, or in the stage's own."""
        return self.session.client(service, region_name=region or self.region, **self.options)


def ok(check: str, found: str) -> Finding:
    """Nothing to do."""
    return Finding("ok", check, found)


def warning(check: str, found: str, advice: str = "") -> Finding:
    """It may work, or it is unknown whether it does."""
    return Finding("warning", check, found, advice)


def fail(check: str, found: str, advice: str) -> Finding:
    """It does not work like this."""
    return Finding("fail", check, found, advice)


def error_code(error: Exception) -> str:
    """AWS's code for the error; empty when AWS was not reached."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def one_line(text: object) -> str:
    """A message without line breaks, cut to a readable length."""
    line = " ".join(str(text).split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..."


def are_credentials_bad(error: Exception) -> bool:
    """Whether AWS did not accept who asked."""
    return error_code(error) in _BAD_CREDENTIALS


def cannot_look(check: str, error: Exception, action: str, target: Target) -> Finding:
    """The line for a call that failed, whatever the reason; `action` is the IAM action it needs."""
    code = error_code(error)
    if code in _DENIED:
        return warning(check, f"cannot look: needs action {action}", "allow it to these credentials, or ask who may")
    if target.emulated:
        return warning(check, f"the emulator cannot say ({action}: {code or one_line(error)})")
    if are_credentials_bad(error):
        return fail(check, f"cannot look: {code}", "sign in again")
    if code:
        message = error.response.get("Error", {}).get("Message", "") if isinstance(error, ClientError) else ""
        return warning(check, f"cannot look: {one_line(f'{code} {message}')}", "try again later")
    return warning(
        check,
        f"cannot look: {one_line(error)}",
        f"see whether {action.split(':')[0]} is offered in the region and reachable from here (network, proxy)",
    )
