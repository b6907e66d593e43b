"""Everything the chatbot talks to, in memory: with a clock, and with a way to be killed at any call."""

import json
from collections.abc import Callable
from typing import Any

import msgspec

from lambda_src.chatbot.conversations import ConversationItem, Conversations, MessageItem
from lambda_src.chatbot.memory.batch import make_batch
from lambda_src.chatbot.memory.worker import Worker
from lambda_src.chatbot.models import Answer, CreateConversation, SendMessage
from lambda_src.chatbot.photo_store import PhotoStore
from lambda_src.chatbot.queue import Queue
from lambda_src.chatbot.routes import ROUTES
from lambda_src.chatbot.service import ChatService
from lambda_src.chatbot.settings import ChatSettings
from lambda_src.shared.bedrock import Bedrock
from lambda_src.shared.context import Context, Deadline
from lambda_src.shared.http import Api
from lambda_src.shared.idempotency import IdempotencyStore
from tests.fakes import (
    CALLER,
    FakeBucket,
    FakeModel,
    FakeStream,
    FakeTable,
    LambdaContext,
    event,
    said,
    settings,
    streamed,
)
from tests.lambda_src.hr_qa import world as hr_world
from tests.lambda_src.hr_qa.world import Killed, Mortal

HAIKU = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
NOVA = "us.amazon.nova-lite-v1:0"
MICRO = "us.amazon.nova-micro-v1:0"
LLAMA = "us.meta.llama3-1-8b-instruct-v1:0"
PIECES = 3
# Longer than the lease of a dead request's key.
LEASE_SECONDS = 60


class ChatContext(Context):
    """A request's context, without an idempotency key."""

    def __init__(self, caller: str = CALLER, seconds: float = 27) -> None:
        super().__init__(caller=caller, request_id="request-1", deadline=Deadline(seconds))


class Killer(hr_world.Killer):
    """Once dead, a process calls nobody: no clean-up of its own is seen."""

    dead = False

    def guard(self, call: Callable[..., Any]) -> Callable[..., Any]:
        guarded = super().guard(call)

        def mortal(*arguments: Any, **named: Any) -> Any:
            if self.dead:
                raise Killed
            try:
                return guarded(*arguments, **named)
            except Killed:
                self.dead = True
                raise

        return mortal


class ChatModel(FakeModel):
    """Whole answers of the queue are streamed in pieces; `breaks` comes after the first of the next stream.
    `cached` input tokens come from the prompt cache in every answer."""

    streams: list[FakeStream]
    breaks: BaseException | None = None
    cached = 0

    def converse(self, **request: Any) -> Any:
        answer = super().converse(**request)
        return {**answer, "usage": {**answer["usage"], "cacheReadInputTokens": self.cached}}

    def converse_stream(self, **request: Any) -> Any:
        answer = self._next(request)
        text = answer["output"]["message"]["content"][0]["text"]
        size = max(1, -(-len(text) // PIECES))
        pieces = [text[start : start + size] for start in range(0, len(text), size)]
        events = streamed(*pieces, stop=answer["stopReason"])
        if self.breaks:
            events[2:] = [self.breaks]
        self.streams.append(FakeStream(events))
        return {"stream": self.streams[-1]}


class FakeSqs:
    """Messages with the time from which they are visible."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.messages: list[dict[str, Any]] = []
        self.dead: list[dict[str, Any]] = []
        self.fail: Exception | None = None
        self.made = 0

    def send_message(self, *, QueueUrl: str, MessageBody: str, DelaySeconds: int) -> None:
        if self.fail:
            raise self.fail
        assert 0 <= DelaySeconds <= 900
        self.made += 1
        visible = self._world.now + DelaySeconds
        self.messages.append({"id": f"m{self.made}", "body": MessageBody, "visible": visible, "receives": 0})

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> None:
        for message in self.messages:
            if message["id"] == ReceiptHandle:
                message["visible"] = self._world.now + VisibilityTimeout


class World:
    """One stage."""

    def __init__(self, *answers: Any, **changes: Any) -> None:
        self.now = 1_800_000_000.0
        self.killer = Killer()
        self.table = FakeTable()
        self.bucket = FakeBucket()
        self.sqs = FakeSqs(self)
        self.model = ChatModel(*answers)
        self.model.streams = []
        self.settings = chat_settings(**changes)
        self.conversations = Conversations("table", self.table, self.clock)

    def clock(self) -> float:
        return self.now

    def bedrock(self) -> Bedrock:
        model = Mortal(self.model, self.killer)
        return Bedrock(self.settings, lambda seconds, region: model, lambda seconds: None)

    def stores(self) -> tuple[Conversations, PhotoStore, Queue]:
        table, bucket, sqs = (Mortal(one, self.killer) for one in (self.table, self.bucket, self.sqs))
        conversations = Conversations("table", table, self.clock, lambda seconds: None)
        return conversations, PhotoStore("bucket", bucket, self.clock), Queue("queue", sqs)

    def service(self) -> ChatService:
        """A fresh process, as after a kill: nothing but the stores carries over."""
        conversations, photo_store, queue = self.stores()
        return ChatService(
            self.settings,
            self.bedrock(),
            conversations=conversations,
            photo_store=photo_store,
            queue=queue,
            now=self.clock,
        )

    def memory(self) -> Any:
        """The queue's handler, in a fresh process."""
        conversations, photo_store, queue = self.stores()
        worker = Worker(
            self.settings,
            self.bedrock(),
            conversations=conversations,
            photo_store=photo_store,
            queue=queue,
            now=self.clock,
        )
        return make_batch(self.settings, worker, queue)

    def deliver(self, message: dict[str, Any]) -> bool:
        """One message to the memory. Whether it is done with; a kill leaves it on the queue."""
        message["receives"] += 1
        message["visible"] = self.now + 360
        record = {
            "messageId": message["id"],
            "receiptHandle": message["id"],
            "body": message["body"],
            "attributes": {"ApproximateReceiveCount": str(message["receives"])},
        }
        try:
            return not self.memory()({"Records": [record]}, LambdaContext(300))["batchItemFailures"]
        except Killed:
            self.killer = Killer()
            return False

    def run(self, limit: int = 200) -> None:
        """Works on the queue until it is empty; the clock goes on with it."""
        for _ in range(limit):
            if not self.sqs.messages:
                return
            message = min(self.sqs.messages, key=lambda one: float(one["visible"]))
            self.now = max(self.now, message["visible"])
            if self.deliver(message):
                self.sqs.messages.remove(message)
            elif message["receives"] >= self.settings.max_receives:
                self.sqs.messages.remove(message)
                self.sqs.dead.append(message)
        raise AssertionError("the queue does not become empty")

    def begin(self, caller: str = CALLER, **body: Any) -> str:
        made = self.service().create_conversation(ChatContext(caller), body=CreateConversation(**body))
        # The next one's id sorts after it.
        self.now += 0.01
        return made.id

    def say(self, conversation: str, text: str = "Why?", answer: Any = "Because.", caller: str = CALLER) -> Answer:
        self.model.queue.append(said(answer) if isinstance(answer, str) else answer)
        return self.service().send_message(ChatContext(caller), id=conversation, body=SendMessage(text=text))

    def once(self, key: str, operation: str, body: Any, conversation: str = "", caller: str = CALLER) -> Any:
        """A request with an idempotency key, through the API: its status and its answer, a stream's from its last
        event."""
        idempotency = IdempotencyStore("table", Mortal(self.table, self.killer), self.clock)
        api = Api(ROUTES, self.service(), self.settings, idempotency)
        (route,) = [route for route in ROUTES if route.operation == operation]
        request = event(
            route.method,
            route.path,
            json.loads(msgspec.json.encode(body)),
            headers={"Idempotency-Key": key},
            path={"id": conversation} if conversation else None,
            requestContext={"requestId": "request-1", "identity": {"userArn": caller}},
        )
        answer = api(request, LambdaContext())
        if route.stream and answer["statusCode"] == 200:
            return 200, json.loads(answer["body"].strip().splitlines()[-1].removeprefix("data: "))
        return answer["statusCode"], json.loads(answer["body"])

    def retried(self, *arguments: Any, **named: Any) -> Any:
        """`once`, and again after a kill, when the lease of the dead one is over."""
        try:
            return self.once(*arguments, **named)
        except Killed:
            self.killer = Killer()
            self.now += LEASE_SECONDS
            return self.once(*arguments, **named)

    def record(self, conversation: str, caller: str = CALLER) -> ConversationItem:
        found = self.conversations.find(caller, conversation)
        assert found
        return found

    def messages(self, conversation: str, caller: str = CALLER) -> list[MessageItem]:
        return self.conversations.messages(caller, conversation)

    def assert_whole(self, conversation: str, turns: int, caller: str = CALLER) -> None:
        """So many turns are there, each whole: numbers without gaps, user and assistant in turn."""
        pk = f"messages#{caller}#{conversation}"
        positions = sorted(sk for found, sk in self.table.items if found == pk)
        assert positions == [f"{number:08}" for number in range(1, 2 * turns + 1)]
        assert [one.role for one in self.messages(conversation, caller)] == ["user", "assistant"] * turns
        assert self.record(conversation, caller).message_count == 2 * turns


def chat_settings(**changes: Any) -> ChatSettings:
    base = msgspec.structs.asdict(settings(use_case="chatbot", models=(HAIKU, NOVA, MICRO, LLAMA)))
    return ChatSettings(**{**base, "queue_url": "queue", **changes})


def sent(world: World) -> list[dict[str, str]]:
    return [json.loads(message["body"]) for message in world.sqs.messages]
