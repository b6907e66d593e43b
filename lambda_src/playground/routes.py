"""The playground's route table."""

from lambda_src.playground.models import CompareCompletions, Comparison, Completion, CreateCompletion, ModelList
from lambda_src.shared.routes import Route

ROUTES = (
    Route(
        method="POST",
        path="/completions",
        operation="create_completion",
        summary="A model's answer to a prompt or a conversation",
        request=CreateCompletion,
        response=Completion,
        idempotent=True,
        calls_model=True,
    ),
    Route(
        method="POST",
        path="/completions/stream",
        operation="stream_completion",
        summary="The same as it is written: events `delta`, and at last `completion` or `error`",
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
        summary="The answers of 2 to 4 models, side by side",
        request=CompareCompletions,
        response=Comparison,
        idempotent=True,
        calls_model=True,
    ),
    Route(
        method="GET",
        path="/models",
        operation="list_models",
        summary="The models there are, what they take, and which this stage offers",
        response=ModelList,
    ),
)
