"""The route table of caller data. The routes of administrators are on the main API only.

No route has an idempotency key: while an erasure or export runs, another request returns the same one.
"""

from lambda_src.caller_data.models import ErasureAnswer, ErasureList, ExportAnswer, NoQuery, RequestErasure
from lambda_src.shared.routes import ADMIN, Route
from lambda_src.shared.schemas import ListQuery

BODY_BYTES = 4_096

OWN_ROUTES = (
    Route(
        method="DELETE",
        path="/me",
        operation="erase_own",
        summary="Erase what is kept of you",
        status=202,
        query=NoQuery,
        response=ErasureAnswer,
    ),
    Route(
        method="GET",
        path="/me/erasures/{id}",
        operation="get_own_erasure",
        summary="Get the receipt of an erasure",
        response=ErasureAnswer,
    ),
    Route(
        method="POST",
        path="/me/exports",
        operation="export_own",
        summary="Export what is kept of you",
        status=202,
        response=ExportAnswer,
    ),
    Route(
        method="GET",
        path="/me/exports/{id}",
        operation="get_own_export",
        summary="Get an export, with a URL of its archive",
        response=ExportAnswer,
    ),
)
ROUTES = (
    *OWN_ROUTES,
    Route(
        method="POST",
        path="/admin/erasures",
        operation="erase_caller",
        summary="Erase what is kept of a caller",
        status=202,
        request=RequestErasure,
        response=ErasureAnswer,
        max_body_bytes=BODY_BYTES,
        roles=(ADMIN,),
    ),
    Route(
        method="GET",
        path="/admin/erasures",
        operation="list_erasures",
        summary="List the stage's erasures",
        query=ListQuery,
        response=ErasureList,
        roles=(ADMIN,),
    ),
    Route(
        method="GET",
        path="/admin/erasures/{id}",
        operation="get_erasure",
        summary="Get the receipt of any caller's erasure",
        response=ErasureAnswer,
        roles=(ADMIN,),
    ),
)
