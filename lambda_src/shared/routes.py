"""The rows of a route table. The gateway, OpenAPI and dispatch derive from a use case's `routes.py`."""

from typing import Any, ClassVar, Literal

import msgspec

from lambda_src.shared.errors import ApiError

MEGABYTE = 1024 * 1024
# Roles. Everyone may do what is for callers. Administrators and auditors are the groups in the setting `auth`; credit
# risk has roles of its own.
CALLER, ADMIN, AUDITOR = "caller", "admin", "auditor"


class Created(msgspec.Struct, frozen=True):
    """A result answered with 201 instead of the route's own status; one of `Route.other_responses`."""

    status: ClassVar[int] = 201

    body: Any


class Csv(msgspec.Struct, frozen=True):
    """A result answered as a CSV file, by routes with `Route.csv`."""

    text: str


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One method on one path.

    `path` is in the gateway's form, `/images/{id}`; its parameters are ids. `operation` names the method of the use
    case's service that does the work. It is called with the request's `Context` and, by name, the path parameters,
    `body` and `query`. `request` and `query` are msgspec types; the fields of a `query` type are scalars. `response` is
    None for an empty body. `other_responses` are successes with another status. `raises` lists the errors that do not
    follow from the other fields; those about the body, the key, `{id}` and the model do.

    `roles` are those whose invoke policy has the route.

    `csv`: whether the query's `format=csv` asks for a CSV file in place of `response`.

    `model_parameter` is the query parameter without which a route that `calls_model` calls none.

    `stream` is the name of a stream's final event; None for a plain response. The operation of a stream validates its
    input and opens the model's stream, then returns a `ClosingIterator` of text pieces whose last item is the response.
    """

    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    operation: str
    summary: str
    status: int = 200
    request: type | None = None
    query: type | None = None
    response: type | None = None
    stream: str | None = None
    other_responses: tuple[tuple[int, type], ...] = ()
    raises: tuple[type[ApiError], ...] = ()
    idempotent: bool = False
    calls_model: bool = False
    csv: bool = False
    model_parameter: str | None = None
    max_body_bytes: int = MEGABYTE
    roles: tuple[str, ...] = (CALLER,)

    def may_call_model(self, query: Any) -> bool:
        """Whether a request with this query may call a model."""
        return self.calls_model and (self.model_parameter is None or getattr(query, self.model_parameter) is not None)

    @property
    def path_parameters(self) -> tuple[str, ...]:
        """The names in braces, in order of the path."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))
