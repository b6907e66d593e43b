"""The route table of summarization."""

from lambda_src.shared.errors import Conflict
from lambda_src.shared.photos import MAX_BODY_BYTES
from lambda_src.shared.routes import Route
from lambda_src.shared.schemas import ListQuery
from lambda_src.summarization.models import CorrectSummary, CreateSummary, SummaryAnswer, SummaryList, SummaryVersions

# Far below the 400 KB of an item in DynamoDB.
MAX_CORRECTION_BYTES = 100_000

ROUTES = (
    Route(
        method="POST",
        path="/summaries",
        operation="create_summary",
        summary="Turn text and photos into an organized report",
        status=201,
        request=CreateSummary,
        response=SummaryAnswer,
        idempotent=True,
        calls_model=True,
        max_body_bytes=MAX_BODY_BYTES,
    ),
    Route(
        method="GET",
        path="/summaries",
        operation="list_summaries",
        summary="List your reports",
        query=ListQuery,
        response=SummaryList,
    ),
    Route(
        method="GET",
        path="/summaries/{id}",
        operation="get_summary",
        summary="Get a report",
        response=SummaryAnswer,
    ),
    Route(
        method="PATCH",
        path="/summaries/{id}",
        operation="correct_summary",
        summary="Correct a report; the versions before are kept",
        request=CorrectSummary,
        response=SummaryAnswer,
        raises=(Conflict,),
        max_body_bytes=MAX_CORRECTION_BYTES,
    ),
    Route(
        method="GET",
        path="/summaries/{id}/versions",
        operation="list_versions",
        summary="List all versions of a report",
        response=SummaryVersions,
    ),
    Route(method="DELETE", path="/summaries/{id}", operation="delete_summary", summary="Delete a report", status=204),
)
