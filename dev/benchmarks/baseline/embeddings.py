"""Embeddings and similarities with Titan, written in the usual way."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, Literal

import boto3
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import Field

from baseline.common import ModelId, Request, Response, Text, Usage, logger, metrics

app = APIGatewayRestResolver(enable_validation=True)
bedrock = boto3.client("bedrock-runtime")
dynamodb = boto3.client("dynamodb")  # for idempotency keys
MODEL = os.environ["MODELS"].split(",")[0]

Dimensions = Literal[1024, 512, 256]
Texts = Annotated[list[Text], Field(min_length=1, max_length=96)]


class CreateEmbeddings(Request):
    texts: Texts
    dimensions: Dimensions = 1024
    normalize: bool = True
    model: ModelId | None = None


class Embedding(Response):
    index: int
    vector: list[float]
    input_tokens: int | None = None


class Embeddings(Response):
    items: list[Embedding]
    dimensions: int
    model: str
    usage: Usage
    request_id: str


class CompareTexts(Request):
    text: Text
    candidates: Texts
    dimensions: Dimensions = 1024


class Similarity(Response):
    index: int
    score: float


class Similarities(Response):
    items: list[Similarity]
    model: str
    usage: Usage
    request_id: str


@app.post("/embeddings")
def create_embeddings(body: CreateEmbeddings) -> Embeddings:
    answers = _embed(body.model or MODEL, body.texts, body.dimensions, body.normalize)
    items = [
        Embedding(index=index, vector=answer["embedding"], input_tokens=answer["inputTextTokenCount"])
        for index, answer in enumerate(answers)
    ]
    return Embeddings(
        items=items,
        dimensions=body.dimensions,
        model=body.model or MODEL,
        usage=_usage(answers),
        request_id=app.current_event.request_context.request_id,
    )


@app.post("/similarities")
def compare_texts(body: CompareTexts) -> Similarities:
    answers = _embed(MODEL, [body.text, *body.candidates], body.dimensions, True)
    vectors = [answer["embedding"] for answer in answers]
    scores = [sum(a * b for a, b in zip(vectors[0], vector, strict=True)) for vector in vectors[1:]]
    items = [Similarity(index=index, score=score) for index, score in enumerate(scores)]
    return Similarities(
        items=sorted(items, key=lambda item: -item.score),
        model=MODEL,
        usage=_usage(answers),
        request_id=app.current_event.request_context.request_id,
    )


def _embed(model: str, texts: list[str], dimensions: int, normalize: bool) -> list[dict[str, Any]]:
    def embed_text(text: str) -> Any:
        request = {"inputText": text, "dimensions": dimensions, "normalize": normalize}
        return json.loads(bedrock.invoke_model(modelId=model, body=json.dumps(request))["body"].read())

    with ThreadPoolExecutor(max_workers=8) as pool:
        return list(pool.map(embed_text, texts))


def _usage(answers: list[dict[str, Any]]) -> Usage:
    tokens = sum(answer["inputTextTokenCount"] for answer in answers)
    metrics.add_metric("InputTokens", MetricUnit.Count, tokens)
    return Usage(input_tokens=tokens)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
