"""The route table of the playground."""

from lambda_src.playground.models import CompareCompletions, Comparison, Completion, CreateCompletion, ModelList
from lambda_src.shared.routes import Route

ROUTES = (
    Route(
        method="POST",
        path="/completions",
        operation="create_completion",
        summary="Get a model's answer to a prompt or a conversation",
        request=CreateCompletion,
        response=Completion,
        idempotent=True,
        calls_model=True,
    ),
    Route(
        method="POST",
        path="/completions/stream",
        operation="stream_completion",
        summary="Get the answer as it is written: events `delta`, then `completion` or `error`",
        request=CreateCompletion,
        response=Completion,
        stream="completion",
        idempotent=True,
        calls_model=True,
    ),
    Route(
        method="POST",
        path="/comparisons",
        operation="compare_completions",
        summary="Compare the answers of 2 to 4 models",
        request=CompareCompletions,
        response=Comparison,
        idempotent=True,
        calls_model=True,
    ),
    Route(
        method="GET",
        path="/models",
        operation="list_models",
        summary="List all models with their parameters, and which of them this stage offers",
        response=ModelList,
    ),
)
