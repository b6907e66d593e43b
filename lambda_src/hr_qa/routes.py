"""HR Q&A's route table."""

from lambda_src.hr_qa.models import (
    Answer,
    AskQuestion,
    CreateDocument,
    DeletedDocument,
    DocumentAnswer,
    DocumentCreated,
    DocumentList,
    Search,
    SearchAnswer,
)
from lambda_src.shared.errors import Conflict, NotFound
from lambda_src.shared.routes import Route
from lambda_src.shared.schemas import ListQuery

ROUTES = (
    Route(
        method="POST",
        path="/documents",
        operation="create_document",
        summary="Announce a PDF and get the form to upload it with",
        status=201,
        request=CreateDocument,
        response=DocumentCreated,
    ),
    Route(
        method="GET",
        path="/documents",
        operation="list_documents",
        summary="List your documents",
        query=ListQuery,
        response=DocumentList,
    ),
    Route(
        method="GET",
        path="/documents/{id}",
        operation="get_document",
        summary="One document: its state, and the file when it is ready",
        response=DocumentAnswer,
    ),
    Route(
        method="DELETE",
        path="/documents/{id}",
        operation="delete_document",
        summary="Delete a document; no answer comes from it any more",
        status=202,
        response=DeletedDocument,
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
        summary="The parts of your documents that fit a question, best first",
        request=Search,
        response=SearchAnswer,
        raises=(NotFound, Conflict),
        calls_model=True,
    ),
)
