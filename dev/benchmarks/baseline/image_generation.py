"""Image generation with Stability's models, written in the usual way."""

import base64
import json
import os
import secrets
import uuid
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import boto3
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import Field

from baseline.common import ModelId, Request, Response, Usage, caller, delete, get, logger, metrics, page, put

app = APIGatewayRestResolver(enable_validation=True)
bedrock = boto3.client("bedrock-runtime")
dynamodb = boto3.client("dynamodb")
s3 = boto3.client("s3")
MODEL = os.environ["MODELS"].split(",")[0]
TABLE = os.environ["TABLE_NAME"]
BUCKET = os.environ["BUCKET_NAME"]
URL_SECONDS = 3600

AspectRatio = Literal["1:1", "2:3", "3:2", "4:5", "5:4", "9:16", "16:9", "9:21", "21:9"]
Style = Literal[
    "photographic",
    "animated-film",
    "design-sketch",
    "flat-vector",
    "graphic-novel",
    "maximalist",
    "midcentury-retro",
    "digital-painting",
]
Prompt = Annotated[str, Field(min_length=1, max_length=2000)]


class CreateImages(Request):
    prompt: Prompt
    negative_prompt: Prompt | None = None
    count: Annotated[int, Field(ge=1, le=4)] = 1
    aspect_ratio: AspectRatio = "2:3"
    quality: Literal["standard", "premium"] | None = None
    guidance: Annotated[float, Field(ge=0, le=100)] | None = None
    seed: Annotated[int, Field(ge=0, le=4294967294)] | None = None
    style: Style | None = None
    model: ModelId | None = None


class ImageRecord(Response):
    id: str
    content_type: str
    width: int
    height: int
    seed: int
    prompt: str
    model: str
    created_at: str


class Image(ImageRecord):
    url: str
    url_expires_at: str


class CreatedImages(Response):
    items: list[Image]
    model: str
    usage: Usage
    request_id: str


class ImageAnswer(Image):
    request_id: str


class ImageList(Response):
    items: list[Image]
    next_cursor: str | None = None
    request_id: str


@app.post("/images")
def create_images(body: CreateImages) -> tuple[CreatedImages, int]:
    seed = body.seed or 1 + secrets.randbelow(4294967294 - body.count)
    items = [_image(_create(body, seed + number)) for number in range(body.count)]
    metrics.add_metric("Images", MetricUnit.Count, len(items))
    created = CreatedImages(
        items=items, model=body.model or MODEL, usage=Usage(images=len(items)), request_id=_request_id()
    )
    return created, 201


@app.get("/images")
def list_images(limit: Annotated[int, Query(ge=1, le=100)] = 20) -> ImageList:
    records = [ImageRecord.model_validate_json(record) for record in page(dynamodb, TABLE, caller(app), limit)]
    return ImageList(items=[_image(record) for record in records], request_id=_request_id())


@app.get("/images/<image_id>")
def get_image(image_id: str) -> ImageAnswer:
    image = _image(ImageRecord.model_validate_json(get(dynamodb, TABLE, caller(app), image_id)))
    return ImageAnswer(**image.model_dump(), request_id=_request_id())


@app.delete("/images/<image_id>")
def delete_image(image_id: str) -> tuple[None, int]:
    get(dynamodb, TABLE, caller(app), image_id)
    s3.delete_object(Bucket=BUCKET, Key=_key(image_id))
    delete(dynamodb, TABLE, caller(app), image_id)
    return None, 204


def _create(body: CreateImages, seed: int) -> ImageRecord:
    request: dict[str, Any] = {"prompt": body.prompt, "seed": seed, "aspect_ratio": body.aspect_ratio}
    if body.negative_prompt:
        request["negative_prompt"] = body.negative_prompt
    answer = bedrock.invoke_model(modelId=body.model or MODEL, body=json.dumps({**request, "output_format": "png"}))
    data = base64.b64decode(json.loads(answer["body"].read())["images"][0])
    record = ImageRecord(
        id=str(uuid.uuid4()),
        content_type="image/png",
        # The offsets in PNG's header.
        width=int.from_bytes(data[16:20], "big"),
        height=int.from_bytes(data[20:24], "big"),
        seed=seed,
        prompt=body.prompt,
        model=body.model or MODEL,
        created_at=datetime.now(UTC).isoformat(),
    )
    s3.put_object(Bucket=BUCKET, Key=_key(record.id), Body=data, ContentType=record.content_type)
    put(dynamodb, TABLE, caller(app), record.id, record)
    return record


def _image(record: ImageRecord) -> Image:
    url = s3.generate_presigned_url(
        "get_object", Params={"Bucket": BUCKET, "Key": _key(record.id)}, ExpiresIn=URL_SECONDS
    )
    expires = datetime.now(UTC) + timedelta(seconds=URL_SECONDS)
    return Image(**record.model_dump(), url=url, url_expires_at=expires.isoformat())


def _key(image_id: str) -> str:
    return f"images/{image_id}.png"


def _request_id() -> str:
    return app.current_event.request_context.request_id


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
