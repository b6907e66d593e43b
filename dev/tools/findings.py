"""One-line results of checks, and their creation from AWS errors."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

Level = Literal["ok", "warning", "fail"]
# Errors of a call: AWS's responses, missing connection or credentials, and settings that botocore rejects.
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
    """The result of one check. `advice` says what to do; `ok` has none."""

    level: Level
    check: str
    message: str
    advice: str = ""

    def __str__(self) -> str:
        advice = f" -> {self.advice}" if self.advice else ""
        return f"{self.level:<8} {self.check}: {self.message}{advice}"


@dataclass(frozen=True)
class Target:
    """A stage's account and region. `session` is a boto3 Session; `options` are passed to its clients."""

    stage: str
    session: Any
    region: str | None
    emulated: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    def client(self, service: str, region: str | None = None) -> Any:
        """A client in the region, by default the stage's."""
        return self.session.client(service, region_name=region or self.region, **self.options)


def ok(check: str, message: str) -> Finding:
    """A passed check."""
    return Finding("ok", check, message)


def warning(check: str, message: str, advice: str = "") -> Finding:
    """A possible problem, or a check that could not run."""
    return Finding("warning", check, message, advice)


def fail(check: str, message: str, advice: str) -> Finding:
    """A problem that prevents a working stage."""
    return Finding("fail", check, message, advice)


def error_code(error: Exception) -> str:
    """AWS's error code; empty if AWS was not reached."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def one_line(text: object) -> str:
    """A message without line breaks, truncated to a readable length."""
    line = " ".join(str(text).split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..."


def are_credentials_bad(error: Exception) -> bool:
    """Whether AWS rejected the credentials."""
    return error_code(error) in _BAD_CREDENTIALS


def call_failed(check: str, error: Exception, action: str, target: Target) -> Finding:
    """The finding for a failed call; `action` is the IAM action that the call needs."""
    code = error_code(error)
    if code in _DENIED:
        return warning(
            check, f"not checked: needs the action {action}", "grant it to these credentials, or ask an administrator"
        )
    if target.emulated:
        return warning(check, f"not supported by the emulator ({action}: {code or one_line(error)})")
    if are_credentials_bad(error):
        return fail(check, f"not checked: {code}", "sign in again")
    if code:
        reason = error.response.get("Error", {}).get("Message", "") if isinstance(error, ClientError) else ""
        return warning(check, f"not checked: {one_line(f'{code} {reason}')}", "try again later")
    return warning(
        check,
        f"not checked: {one_line(error)}",
        f"check that {action.split(':')[0]} is available in the region and reachable from here (network, proxy)",
    )
