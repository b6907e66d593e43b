"""A streamed turn with FastAPI and uvicorn, as in AWS Lambda Web Adapter's example."""

import json
import os
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from baseline.chatbot.conversation import conversation, session

app = FastAPI()


class SendMessage(BaseModel):
    text: str


@app.post("/conversations/{conversation_id}/messages/stream")
def stream_message(conversation_id: str, body: SendMessage, request: Request) -> StreamingResponse:
    caller = json.loads(request.headers["x-amzn-request-context"])["identity"]["user"]
    return StreamingResponse(_pieces(caller, conversation_id, body.text), media_type="text/event-stream")


def _pieces(caller: str, conversation_id: str, text: str) -> Iterator[str]:
    for chunk in conversation.stream({"input": text}, config=session(caller, conversation_id)):
        if chunk.text:
            yield f"data: {json.dumps({'text': chunk.text})}\n\n"


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["AWS_LWA_PORT"]), log_level="warning")
