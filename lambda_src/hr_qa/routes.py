"""The route table of HR Q&A."""

from lambda_src.hr_qa.models import (
    Answer,
    AskQuestion,
    CreateDocument,
    DeletedDocument,
    DocumentAnswer,
    DocumentCreated,
    DocumentList,
    DocumentQuery,
    Search,
    SearchAnswer,
)
from lambda_src.shared.errors import Conflict, Forbidden, NotFound, Refused
from lambda_src.shared.routes import Route

ROUTES = (
    Route(
        method="POST",
        path="/documents",
        operation="create_document",
        summary="Create a document and get the form to upload its PDF",
        status=201,
        request=CreateDocument,
        response=DocumentCreated,
        raises=(Refused, Forbidden, NotFound),
    ),
    Route(
        method="GET",
        path="/documents",
        operation="list_documents",
        summary="List your documents, or those of a space",
        query=DocumentQuery,
        response=DocumentList,
        raises=(NotFound,),
    ),
    Route(
        method="GET",
        path="/documents/{id}",
        operation="get_document",
        summary="Get a document: its status, and its file when it is ready",
        response=DocumentAnswer,
    ),
    Route(
        method="DELETE",
        path="/documents/{id}",
        operation="delete_document",
        summary="Delete a document; it is excluded from answers at once",
        status=202,
        response=DeletedDocument,
        raises=(Forbidden, Conflict),
    ),
    Route(
        method="POST",
        path="/questions",
        operation="answer_question",
        summary="Answer a question from your documents, with citations",
        request=AskQuestion,
        response=Answer,
        raises=(NotFound, Conflict),
        idempotent=True,
        calls_model=True,
    ),
    Route(
        method="POST",
        path="/searches",
        operation="search",
        summary="Search your documents for the passages that match a question, best first",
        request=Search,
        response=SearchAnswer,
        raises=(NotFound, Conflict),
        calls_model=True,
    ),
)
