"""Shared code of the baseline functions, written as in the documentation of Powertools and boto3."""

from typing import Annotated, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.event_handler.exceptions import NotFoundError, UnauthorizedError
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

logger = Logger()
metrics = Metrics()

ModelId = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(min_length=1, max_length=50_000)]


class Request(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")


class Response(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Usage(Response):
    input_tokens: int | None = None
    output_tokens: int | None = None
    images: int | None = None


def caller(app: APIGatewayRestResolver) -> str:
    """The IAM principal's ARN."""
    principal = app.current_event.request_context.identity.user_arn
    if not principal:
        raise UnauthorizedError("The request has no caller.")
    return principal


def put(dynamodb: Any, table: str, owner: str, record_id: str, record: BaseModel) -> None:
    item = {"pk": {"S": owner}, "sk": {"S": record_id}, "record": {"S": record.model_dump_json()}}
    dynamodb.put_item(TableName=table, Item=item)


def get(dynamodb: Any, table: str, owner: str, record_id: str) -> str:
    """The record's JSON."""
    item = dynamodb.get_item(TableName=table, Key={"pk": {"S": owner}, "sk": {"S": record_id}}).get("Item")
    if item is None:
        raise NotFoundError("There is no item with this id.")
    return str(item["record"]["S"])


def page(dynamodb: Any, table: str, owner: str, limit: int) -> list[str]:
    """The newest records' JSON."""
    answer = dynamodb.query(
        TableName=table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": owner}},
        ScanIndexForward=False,
        Limit=limit,
    )
    return [item["record"]["S"] for item in answer["Items"]]


def delete(dynamodb: Any, table: str, owner: str, record_id: str) -> None:
    dynamodb.delete_item(TableName=table, Key={"pk": {"S": owner}, "sk": {"S": record_id}})
