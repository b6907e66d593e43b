"""The route table of access. No route is idempotent by a key: the stored response would hold a secret."""

from lambda_src.access.models import CreateKey, KeyAnswer, KeyList, NewKey, RotateKey
from lambda_src.shared.errors import Conflict
from lambda_src.shared.routes import ADMIN, Route
from lambda_src.shared.schemas import ListQuery

BODY_BYTES = 16_384

ROUTES = (
    Route(
        method="POST",
        path="/admin/keys",
        operation="create_key",
        summary="Make an API key",
        status=201,
        request=CreateKey,
        response=NewKey,
        max_body_bytes=BODY_BYTES,
        roles=(ADMIN,),
    ),
    Route(
        method="GET",
        path="/admin/keys",
        operation="list_keys",
        summary="List the stage's API keys",
        query=ListQuery,
        response=KeyList,
        roles=(ADMIN,),
    ),
    Route(
        method="GET",
        path="/admin/keys/{id}",
        operation="get_key",
        summary="Get an API key without its secret",
        response=KeyAnswer,
        roles=(ADMIN,),
    ),
    Route(
        method="POST",
        path="/admin/keys/{id}/rotations",
        operation="rotate_key",
        summary="Give an API key a new secret",
        status=201,
        request=RotateKey,
        response=NewKey,
        raises=(Conflict,),
        max_body_bytes=BODY_BYTES,
        roles=(ADMIN,),
    ),
    Route(
        method="DELETE",
        path="/admin/keys/{id}",
        operation="revoke_key",
        summary="Revoke an API key",
        status=204,
        raises=(Conflict,),
        roles=(ADMIN,),
    ),
)
