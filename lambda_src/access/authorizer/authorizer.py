"""The gateway's question, whether a request's credentials are valid, and the answer."""

import re
from collections.abc import Callable
from typing import Any

from lambda_src.access.authorizer.identity import Identity, Rejected, Unreachable
from lambda_src.shared.observability import count, logger

KEY_PREFIX = "be_"
_BEARER = re.compile(r"(?i:bearer) +([A-Za-z0-9._~+/=-]{1,9000})")
# .../<api>/<stage>/<method>/<path>
_METHOD_ARN = re.compile(r"(arn:[^/]{1,200}/[^/]{1,128})/.*", re.DOTALL)

Identify = Callable[[str], Identity]


class Authorizer:
    """A handler for events of REQUEST authorizers. A way that the stage does not have is None."""

    def __init__(self, identify_key: Identify | None, identify_token: Identify | None) -> None:
        self._identify_key = identify_key
        self._identify_token = identify_token

    def __call__(self, event: dict[str, Any], _context: Any) -> dict[str, Any]:
        """A policy for all methods of the API: the gateway keeps it for the same credentials, whatever they ask for.

        Raises an exception with the text `Unauthorized`, which the gateway answers with 401; any other one is its 500.
        https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-lambda-function-create.html
        """
        request_id = (event.get("requestContext") or {}).get("requestId")
        try:
            identity = self._identify(_credentials(event))
        except Rejected as error:
            logger.info("credentials rejected", request_id=request_id, reason=str(error)[:300])
            count(CredentialsRejected=1)
            raise Exception("Unauthorized") from None
        except Unreachable as error:
            logger.error("credentials not checked", request_id=request_id, reason=str(error)[:300])
            count(CredentialsUnchecked=1)
            raise
        logger.info("credentials accepted", request_id=request_id, caller=identity.caller, key_id=identity.key_id)
        return {
            "principalId": identity.caller,
            "policyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": _all_methods(event["methodArn"])}
                ],
            },
            "context": identity.authorizer_context(),
        }

    def _identify(self, credentials: str) -> Identity:
        identify = self._identify_key if credentials.startswith(KEY_PREFIX) else self._identify_token
        if identify is None:
            raise Rejected("the stage takes no such credentials")
        return identify(credentials)


def _credentials(event: dict[str, Any]) -> str:
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    match = _BEARER.fullmatch(str(headers.get("authorization") or ""))
    if match is None:
        raise Rejected("no bearer token")
    return match[1]


def _all_methods(method_arn: str) -> str:
    match = _METHOD_ARN.fullmatch(method_arn)
    if match is None:
        raise ValueError("not a method's ARN")
    return f"{match[1]}/*"
