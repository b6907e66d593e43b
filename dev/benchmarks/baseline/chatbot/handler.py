"""A turn, as a plain Lambda handler."""

import json
from typing import Any

from baseline.chatbot.conversation import MODEL, conversation, session


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    caller = event["requestContext"]["identity"]["user"]
    text = json.loads(event["body"])["text"]
    answer = conversation.invoke({"input": text}, config=session(caller, event["pathParameters"]["id"]))
    body = {"message": {"role": "assistant", "text": answer.text}, "model": MODEL, "usage": answer.usage_metadata}
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": json.dumps(body)}
