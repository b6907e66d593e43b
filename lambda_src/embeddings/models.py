"""Request and response types of embeddings."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from lambda_src.shared.schemas import ModelId, RequestModel, ResponseModel, Text, Usage

Dimensions = Literal[1024, 512, 256]
Texts = Annotated[list[Text], Meta(min_length=1, max_length=96)]


class CreateEmbeddings(RequestModel):
    """Texts to embed. With `normalize` the vectors have length 1, so that their dot product is the cosine."""

    texts: Texts
    dimensions: Dimensions = 1024
    normalize: bool = True
    model: ModelId | None = None


class Embedding(ResponseModel):
    """The vector of `texts[index]`. `inputTokens` is absent if the model counts tokens per batch only."""

    index: int
    vector: list[float]
    input_tokens: int | UnsetType = UNSET


class Embeddings(ResponseModel):
    items: list[Embedding]
    dimensions: int
    model: str
    usage: Usage
    request_id: str


class CompareTexts(RequestModel):
    """A text, and the candidates to compare it with."""

    text: Text
    candidates: Texts
    dimensions: Dimensions = 1024


class Similarity(ResponseModel):
    """`score` is the cosine, -1 to 1, between the text and `candidates[index]`."""

    index: int
    score: float


class Similarities(ResponseModel):
    items: list[Similarity]
    model: str
    usage: Usage
    request_id: str
