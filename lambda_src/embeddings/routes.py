"""The embeddings' route table."""

from lambda_src.embeddings.models import CompareTexts, CreateEmbeddings, Embeddings, Similarities
from lambda_src.shared.routes import Route

# 96 texts of 50,000 characters are 4.8 million, and a function takes 6 MB at most.
MAX_BODY_BYTES = 5_800_000

ROUTES = (
    Route(
        method="POST",
        path="/embeddings",
        operation="create_embeddings",
        summary="The vectors of 1 to 96 texts",
        request=CreateEmbeddings,
        response=Embeddings,
        idempotent=True,
        calls_model=True,
        max_body_bytes=MAX_BODY_BYTES,
    ),
    Route(
        method="POST",
        path="/similarities",
        operation="compare_texts",
        summary="How near texts are to one text, nearest first",
        request=CompareTexts,
        response=Similarities,
        idempotent=True,
        calls_model=True,
        max_body_bytes=MAX_BODY_BYTES,
    ),
)
