"""The route table of embeddings."""

from lambda_src.embeddings.models import CompareTexts, CreateEmbeddings, Embeddings, Similarities
from lambda_src.shared.routes import Route

# 96 texts of 50,000 characters are 4.8 million, and Lambda's limit for a request is 6 MB.
MAX_BODY_BYTES = 5_800_000

ROUTES = (
    Route(
        method="POST",
        path="/embeddings",
        operation="create_embeddings",
        summary="Embed 1 to 96 texts",
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
        summary="Compare candidates with a text, most similar first",
        request=CompareTexts,
        response=Similarities,
        idempotent=True,
        calls_model=True,
        max_body_bytes=MAX_BODY_BYTES,
    ),
)
