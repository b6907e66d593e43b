"""Scores with a scorecard in S3, batches and trainings behind queues, written in the usual way."""

import json
import math
import os
import uuid
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, Literal

import boto3
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import Field

from baseline.common import Request, Response, caller, get, logger, metrics, page, put

app = APIGatewayRestResolver(enable_validation=True)
dynamodb = boto3.client("dynamodb")
s3 = boto3.client("s3")
sqs = boto3.client("sqs")
TABLE = os.environ["TABLE_NAME"]
BUCKET = os.environ["BUCKET_NAME"]

Money = Annotated[float, Field(ge=0, le=1e9)]
Category = Annotated[str, Field(min_length=1, max_length=64)]


class Applicant(Request):
    annual_income: Money
    fico: Annotated[int, Field(ge=300, le=850)] | None = None
    debt_to_income: Annotated[float, Field(ge=0, le=1000)] | None = None
    home_ownership: Category | None = None
    employment_years: Annotated[float, Field(ge=0, le=80)] | None = None
    inquiries: Annotated[int, Field(ge=0, le=100)] | None = None
    revolving_utilization: Annotated[float, Field(ge=0, le=1000)] | None = None


class Loan(Request):
    amount: Money
    term_months: Annotated[int, Field(ge=1, le=480)]
    purpose: Category | None = None


class CreateScore(Request):
    applicant: Applicant
    loan: Loan
    application_id: Annotated[str, Field(min_length=1, max_length=64)] | None = None


class Reason(Response):
    code: str
    text: str


class Score(Response):
    id: str
    score: int
    probability_of_default: float
    expected_loss: float
    recommendation: Literal["approve", "refer", "decline"]
    reasons: list[Reason]
    created_at: str


class ScoreAnswer(Score):
    request_id: str


class ScoreList(Response):
    items: list[Score]
    request_id: str


class CreateReview(Request):
    outcome: Literal["upheld", "overturned"]
    reason: Annotated[str, Field(min_length=1, max_length=2000)]


class Review(Response):
    id: str
    outcome: str
    request_id: str


class CreateBatch(Request):
    type: Literal["scores", "outcomes", "training"]
    name: Annotated[str, Field(min_length=1, max_length=200)]
    bytes: Annotated[int, Field(ge=1)]


class Upload(Response):
    url: str
    fields: dict[str, str]


class Batch(Response):
    id: str
    upload: Upload
    request_id: str


class CreateTraining(Request):
    batch_id: str
    name: Annotated[str, Field(min_length=1, max_length=64)]


class Training(Response):
    id: str
    status: str
    request_id: str


@app.post("/scores")
def create_score(body: CreateScore) -> tuple[ScoreAnswer, int]:
    card = _card()
    values = {**body.applicant.model_dump(by_alias=True), **body.loan.model_dump(by_alias=True)}
    points = {name: _points(bins, values.get(name)) for name, bins in card["characteristics"].items()}
    total = round(card["basePoints"] + sum(points.values()))
    probability = 1 / (1 + math.exp((total - card["offset"]) / card["factor"]))
    record = Score(
        id=str(uuid.uuid4()),
        score=total,
        probability_of_default=probability,
        expected_loss=probability * card["lossGivenDefault"] * body.loan.amount,
        recommendation="approve" if total >= card["approve"] else "refer" if total >= card["refer"] else "decline",
        reasons=[Reason(code=name, text=card["texts"][name]) for name in sorted(points, key=points.__getitem__)[:4]],
        created_at=datetime.now(UTC).isoformat(),
    )
    put(dynamodb, TABLE, caller(app), record.id, record)
    return ScoreAnswer(**record.model_dump(), request_id=_request_id()), 201


@app.get("/scores")
def list_scores(limit: Annotated[int, Query(ge=1, le=100)] = 20) -> ScoreList:
    items = [Score.model_validate_json(record) for record in page(dynamodb, TABLE, caller(app), limit)]
    return ScoreList(items=items, request_id=_request_id())


@app.get("/scores/<score_id>")
def get_score(score_id: str) -> ScoreAnswer:
    record = Score.model_validate_json(get(dynamodb, TABLE, caller(app), score_id))
    return ScoreAnswer(**record.model_dump(), request_id=_request_id())


@app.post("/scores/<score_id>/reviews")
def create_review(score_id: str, body: CreateReview) -> tuple[Review, int]:
    get(dynamodb, TABLE, caller(app), score_id)
    review = Review(id=str(uuid.uuid4()), outcome=body.outcome, request_id=_request_id())
    put(dynamodb, TABLE, score_id, review.id, review)
    return review, 201


@app.post("/batches")
def create_batch(body: CreateBatch) -> tuple[Batch, int]:
    batch_id = str(uuid.uuid4())
    form = s3.generate_presigned_post(BUCKET, f"uploads/{batch_id}", ExpiresIn=900)
    batch = Batch(id=batch_id, upload=Upload(url=form["url"], fields=form["fields"]), request_id=_request_id())
    put(dynamodb, TABLE, caller(app), batch_id, batch)
    return batch, 201


@app.post("/trainings")
def create_training(body: CreateTraining) -> tuple[Training, int]:
    training = Training(id=str(uuid.uuid4()), status="waiting", request_id=_request_id())
    put(dynamodb, TABLE, caller(app), training.id, training)
    sqs.send_message(QueueUrl=os.environ["TRAINING_QUEUE_URL"], MessageBody=body.model_dump_json())
    return training, 202


@cache
def _card() -> dict[str, Any]:
    card: dict[str, Any] = json.loads(s3.get_object(Bucket=BUCKET, Key="models/active.json")["Body"].read())
    return card


def _points(bins: list[dict[str, Any]], value: Any) -> float:
    for each in bins:
        if value in each.get("values", ()) or ("below" in each and value is not None and value < each["below"]):
            return float(each["points"])
    return float(bins[-1]["points"])


def _request_id() -> str:
    return str(app.current_event.request_context.request_id)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
