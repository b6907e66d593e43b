"""What goes in and out of embeddings."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from lambda_src.shared.schemas import ModelId, RequestModel, ResponseModel, Text, Usage

Dimensions = Literal[1024, 512, 256]
Texts = Annotated[list[Text], Meta(min_length=1, max_length=96)]


class CreateEmbeddings(RequestModel):
    """Texts to embed. With `normalize` the vectors have length 1, and their dot product is the cosine."""

    texts: Texts
    dimensions: Dimensions = 1024
    normalize: bool = True
    model: ModelId | None = None


class Embedding(ResponseModel):
    """The vector of `texts[index]`. `inputTokens` is left out where the model counts a batch only as a whole."""

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
    """One text and those to compare it with."""

    text: Text
    candidates: Texts
    dimensions: Dimensions = 1024


class Similarity(ResponseModel):
    """The cosine, -1 to 1, between the text and `candidates[index]`."""

    index: int
    score: float


class Similarities(ResponseModel):
    items: list[Similarity]
    model: str
    usage: Usage
    request_id: str
