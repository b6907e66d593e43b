"""The gateway's own errors, in the shape of all errors: `{"error": {"code", "message", "requestId", "details"?}}`."""

from collections.abc import Mapping, Sequence

import msgspec
from aws_cdk import aws_apigateway as apigateway

# Throttling ends within the second; an unreachable function may need a little longer.
_RETRY_SECONDS = {"throttled": 1, "unavailable": 5}


class GatewayError(msgspec.Struct, frozen=True):
    """One gateway response. `status` None keeps the gateway's status, `message` None its message.

    `path` is the part of the request that an invalid request's details name.
    """

    code: str
    status: int | None = None
    message: str | None = None
    path: str | None = None


_UNAUTHORIZED = GatewayError("unauthorized", 401, "The request carries no valid credentials.")

# Only what differs from the defaults: CloudFormation creates all responses of an API at once, and API Gateway allows
# ten control calls per second and account.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
GATEWAY_ERRORS: Mapping[str, GatewayError] = {
    # Invalid requests have their own types below; the remaining ones are about permissions, with status 403.
    "DEFAULT_4XX": GatewayError("forbidden", message="These credentials do not allow the request."),
    "DEFAULT_5XX": GatewayError("internal", message="Something went wrong on our side."),
    # Functions validate requests, so these are for what the gateway itself cannot read.
    "BAD_REQUEST_BODY": GatewayError("invalid_request", 400, path="body"),
    "BAD_REQUEST_PARAMETERS": GatewayError("invalid_request", 400, path="request"),
    "UNSUPPORTED_MEDIA_TYPE": GatewayError("invalid_request", 400, "must be application/json", "headers.Content-Type"),
    # Every path and method has a route (see UseCaseApi), so the signature or the token is missing.
    "MISSING_AUTHENTICATION_TOKEN": _UNAUTHORIZED,
    "INVALID_SIGNATURE": _UNAUTHORIZED,
    "EXPIRED_TOKEN": _UNAUTHORIZED,
    "UNAUTHORIZED": _UNAUTHORIZED,
    "RESOURCE_NOT_FOUND": GatewayError("not_found", 404, "There is no such route."),
    "REQUEST_TOO_LARGE": GatewayError("too_large", 413, "The body is larger than the gateway takes."),
    "THROTTLED": GatewayError("throttled", 429, "Too many requests; try again later."),
    "INTEGRATION_FAILURE": GatewayError("unavailable", 503, "The service is not reachable; try again later."),
    "INTEGRATION_TIMEOUT": GatewayError("deadline", 504, "The request was not finished in time."),
}

_UNCHECKED = GatewayError("unavailable", 503, "The credentials cannot be checked at the moment; try again later.")
# Of an API with a function as authorizer: it raised, or its answer cannot be read.
AUTHORIZER_ERRORS: Mapping[str, GatewayError] = {
    "AUTHORIZER_FAILURE": _UNCHECKED,
    "AUTHORIZER_CONFIGURATION_ERROR": _UNCHECKED,
}


def add_gateway_responses(api: apigateway.RestApi, cors_origins: Sequence[str], *, authorizer: bool = False) -> None:
    """Defines the error responses of the gateway; with `authorizer`, also those of a function that authorizes."""
    for name, error in {**GATEWAY_ERRORS, **(AUTHORIZER_ERRORS if authorizer else {})}.items():
        api.add_gateway_response(
            name.title().replace("_", ""),
            type=apigateway.ResponseType.of(name),
            status_code=str(error.status) if error.status else None,
            response_headers=_headers(error, cors_origins),
            templates={"application/json": _template(error)},
        )


def _headers(error: GatewayError, cors_origins: Sequence[str]) -> dict[str, str]:
    """Header -> value in the gateway's notation: constants in single quotes, or a request parameter."""
    headers = {"Cache-Control": "'no-store'"}
    if error.code in _RETRY_SECONDS:
        headers["Retry-After"] = f"'{_RETRY_SECONDS[error.code]}'"
    if len(cors_origins) == 1:
        headers["Access-Control-Allow-Origin"] = f"'{cors_origins[0]}'"
    elif cors_origins:
        # The gateway cannot select from a list. Its errors contain no caller's data, so any origin may read them.
        headers["Access-Control-Allow-Origin"] = "'*'"
    return headers


def _template(error: GatewayError) -> str:
    """Plain substitution, not Velocity: only `messageString` includes its quotes."""
    message = msgspec.json.encode(error.message).decode() if error.message else "$context.error.messageString"
    details = f',"details":[{{"path":"{error.path}","message":{message}}}]' if error.path else ""
    return f'{{"error":{{"code":"{error.code}","message":{message},"requestId":"$context.requestId"{details}}}}}'
