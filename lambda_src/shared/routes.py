"""The route table's row. A use case's `routes.py` lists them; gateway, OpenAPI and dispatch are made from that list."""

from typing import Literal

import msgspec

from lambda_src.shared.errors import ApiError

MEGABYTE = 1024 * 1024


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One method on one path.

    `path` is in the gateway's form, `/images/{id}`. `operation` names the method of the use case's service that does
    the work: it is called with the request's `Context`, then by name the path parameters, `body` and `query` as
    declared. `request` and `query` are msgspec types; the fields of a `query` type are scalars. `response` is None for
    an empty answer; `other_responses` are the successes with a status of their own. `raises` are the errors that the
    rest of the row does not tell: those about the request, the key, the path's resource and the model are known.

    `stream` is the name of a stream's last event, None for a plain answer. Such an operation does its checks and opens
    the model's stream before it returns an iterator of text pieces whose last item is the response.
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
    max_body_bytes: int = MEGABYTE

    @property
    def path_parameters(self) -> tuple[str, ...]:
        """The names in braces, in order."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))
