"""Everything that the chatbot calls, in memory, with a clock and a way to kill the process at any call."""

import io
import json
from collections.abc import Callable
from typing import Any

import msgspec

from lambda_src.chatbot.conversations import ConversationItem, Conversations
from lambda_src.chatbot.document_store import DocumentStore
from lambda_src.chatbot.documents import DocumentReader, ReadResult, ReadTask
from lambda_src.chatbot.memory.messages import make_queue_handler
from lambda_src.chatbot.memory.worker import Worker
from lambda_src.chatbot.message_item import MessageItem
from lambda_src.chatbot.models import Answer, CreateConversation, SendMessage
from lambda_src.chatbot.photo_store import PhotoStore
from lambda_src.chatbot.queue import Queue
from lambda_src.chatbot.routes import ROUTES
from lambda_src.chatbot.service import ChatService
from lambda_src.chatbot.settings import ChatbotOptions, ChatSettings
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
    converse_answer,
    event,
    identity,
    settings,
    stream_events,
)
from tests.lambda_src.hr_qa import world as hr_world
from tests.lambda_src.hr_qa.world import KillableClient, Killed

HAIKU = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
NOVA = "us.amazon.nova-lite-v1:0"
MICRO = "us.amazon.nova-micro-v1:0"
LLAMA = "us.meta.llama3-1-8b-instruct-v1:0"
PIECES = 3
# Longer than the lease of a killed request's key.
LEASE_SECONDS = 60


class ChatContext(Context):
    """A request's context, without an idempotency key."""

    def __init__(self, caller: str = CALLER, seconds: float = 27) -> None:
        super().__init__(caller=caller, request_id="request-1", deadline=Deadline(seconds))


class Killer(hr_world.Killer):
    """A killed process makes no further calls, so its cleanup has no effect."""

    dead = False

    def guard(self, call: Callable[..., Any]) -> Callable[..., Any]:
        guarded = super().guard(call)

        def guarded_until_killed(*arguments: Any, **named: Any) -> Any:
            if self.dead:
                raise Killed
            try:
                return guarded(*arguments, **named)
            except Killed:
                self.dead = True
                raise

        return guarded_until_killed


class ChatModel(FakeModel):
    """Streams the queue's answers in pieces. `failure` is raised after the first piece of a stream.

    `cached`: the input tokens of each answer that come from the prompt cache.
    """

    streams: list[FakeStream]
    failure: BaseException | None = None
    cached = 0

    def converse(self, **request: Any) -> Any:
        answer = super().converse(**request)
        return {**answer, "usage": {**answer["usage"], "cacheReadInputTokens": self.cached}}

    def converse_stream(self, **request: Any) -> Any:
        answer = self._next(request)
        text = answer["output"]["message"]["content"][0]["text"]
        size = max(1, -(-len(text) // PIECES))
        pieces = [text[start : start + size] for start in range(0, len(text), size)]
        events = stream_events(*pieces, stop=answer["stopReason"])
        events[-1]["metadata"]["trace"] = answer.get("trace")
        if self.failure:
            events[2:] = [self.failure]
        self.streams.append(FakeStream(events))
        return {"stream": self.streams[-1]}


class FakeSqs:
    """Messages with the time at which they become visible."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.messages: list[dict[str, Any]] = []
        self.dead: list[dict[str, Any]] = []
        self.fail: Exception | None = None
        self.sent = 0

    def send_message(self, *, QueueUrl: str, MessageBody: str, DelaySeconds: int) -> None:
        if self.fail:
            raise self.fail
        assert 0 <= DelaySeconds <= 900
        self.sent += 1
        visible = self._world.now + DelaySeconds
        self.messages.append({"id": f"m{self.sent}", "body": MessageBody, "visible": visible, "receives": 0})

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> None:
        for message in self.messages:
            if message["id"] == ReceiptHandle:
                message["visible"] = self._world.now + VisibilityTimeout


class FakeReaderFunction:
    """A Lambda client whose only function reads texts as they are. A text that starts with `problem:` has that problem.

    `fail` is raised, or the function's error.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.fail: Exception | str | None = None

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:
        assert FunctionName == "reader"
        task = msgspec.json.decode(Payload, type=ReadTask)
        self.names.append(task.name)
        if isinstance(self.fail, Exception):
            raise self.fail
        text = task.content.decode()
        result = ReadResult(text=text, content_type="text/plain")
        if text.startswith("problem:"):
            result = ReadResult(problem=text.removeprefix("problem:"), reason="encrypted")
        answer = {"Payload": io.BytesIO(msgspec.json.encode(result))}
        return {**answer, "FunctionError": self.fail} if self.fail else answer


class World:
    """One stage."""

    def __init__(self, *answers: Any, **changes: Any) -> None:
        self.now = 1_800_000_000.0
        self.killer = Killer()
        self.table = FakeTable()
        self.bucket = FakeBucket()
        self.sqs = FakeSqs(self)
        self.reader = FakeReaderFunction()
        self.model = ChatModel(*answers)
        self.model.streams = []
        self.settings = chat_settings(**changes)
        self.conversations = Conversations("table", self.table, self.clock)

    def clock(self) -> float:
        return self.now

    def bedrock(self) -> Bedrock:
        model = KillableClient(self.model, self.killer)
        return Bedrock(self.settings, lambda seconds, region: model, lambda seconds: None)

    def stores(self) -> tuple[Conversations, PhotoStore, Queue]:
        table, bucket, sqs = (KillableClient(client, self.killer) for client in (self.table, self.bucket, self.sqs))
        conversations = Conversations("table", table, self.clock, lambda seconds: None)
        return conversations, PhotoStore("bucket", bucket, self.clock), Queue("queue", sqs)

    def document_store(self) -> DocumentStore:
        return DocumentStore("bucket", KillableClient(self.bucket, self.killer))

    def document_reader(self) -> DocumentReader:
        return DocumentReader("reader", KillableClient(self.reader, self.killer))

    def service(self) -> ChatService:
        """The REST API in a new process: only the stores carry over."""
        conversations, photo_store, queue = self.stores()
        return ChatService(
            self.settings,
            self.bedrock(),
            conversations=conversations,
            photo_store=photo_store,
            document_store=self.document_store(),
            reader=self.document_reader(),
            queue=queue,
            now=self.clock,
        )

    def memory(self) -> Any:
        """The queue's handler, in a new process."""
        conversations, photo_store, queue = self.stores()
        worker = Worker(
            self.settings,
            self.bedrock(),
            conversations=conversations,
            photo_store=photo_store,
            document_store=self.document_store(),
            queue=queue,
            now=self.clock,
        )
        return make_queue_handler(self.settings, worker, queue)

    def deliver(self, message: dict[str, Any]) -> bool:
        """Delivers one message. Returns whether it succeeded; after a kill it stays on the queue."""
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
        """Delivers messages until the queue is empty, and moves the clock to each of them."""
        for _ in range(limit):
            if not self.sqs.messages:
                return
            message = min(self.sqs.messages, key=lambda candidate: float(candidate["visible"]))
            self.now = max(self.now, message["visible"])
            if self.deliver(message):
                self.sqs.messages.remove(message)
            elif message["receives"] >= self.settings.max_receives:
                self.sqs.messages.remove(message)
                self.sqs.dead.append(message)
        raise AssertionError("the queue does not become empty")

    def create(self, caller: str = CALLER, **body: Any) -> str:
        """A new conversation's id."""
        created = self.service().create_conversation(ChatContext(caller), body=CreateConversation(**body))
        # The next id sorts after this one.
        self.now += 0.01
        return created.id

    def send(self, conversation_id: str, text: str = "Why?", answer: Any = "Because.", caller: str = CALLER) -> Answer:
        self.model.queue.append(converse_answer(answer) if isinstance(answer, str) else answer)
        return self.service().send_message(ChatContext(caller), id=conversation_id, body=SendMessage(text=text))

    def request(
        self, key: str, operation: str, body: Any, conversation_id: str = "", caller: str = CALLER
    ) -> tuple[int, Any]:
        """Status and body of a request with an idempotency key; a stream's body is its final event's data."""
        idempotency = IdempotencyStore("table", KillableClient(self.table, self.killer), self.clock)
        api = Api(ROUTES, self.service(), self.settings, idempotency)
        (route,) = [route for route in ROUTES if route.operation == operation]
        request = event(
            route.method,
            route.path,
            json.loads(msgspec.json.encode(body)),
            headers={"Idempotency-Key": key},
            path={"id": conversation_id} if conversation_id else None,
            requestContext={"requestId": "request-1", "identity": identity(caller)},
        )
        response = api(request, LambdaContext())
        if route.stream and response["statusCode"] == 200:
            return 200, json.loads(response["body"].strip().splitlines()[-1].removeprefix("data: "))
        return response["statusCode"], json.loads(response["body"])

    def request_with_retry(self, *arguments: Any, **named: Any) -> tuple[int, Any]:
        """`request`; after a kill again, when the killed request's lease has ended."""
        try:
            return self.request(*arguments, **named)
        except Killed:
            self.killer = Killer()
            self.now += LEASE_SECONDS
            return self.request(*arguments, **named)

    def conversation(self, conversation_id: str, caller: str = CALLER) -> ConversationItem:
        conversation = self.conversations.find(caller, conversation_id)
        assert conversation
        return conversation

    def messages(self, conversation_id: str, caller: str = CALLER) -> list[MessageItem]:
        return [*self.conversations.messages(caller, self.conversation(conversation_id, caller)).values()]

    def assert_complete(self, conversation_id: str, turns: int, caller: str = CALLER) -> None:
        """The conversation has this many complete turns, with consecutive numbers and alternating roles."""
        partition = f"messages#{caller}#{conversation_id}"
        numbers = sorted(sk for pk, sk in self.table.items if pk == partition)
        assert numbers == [f"{number:08}" for number in range(1, 2 * turns + 1)]
        assert [message.role for message in self.messages(conversation_id, caller)] == ["user", "assistant"] * turns
        assert self.conversation(conversation_id, caller).message_count == 2 * turns


def chat_settings(**changes: Any) -> ChatSettings:
    common = msgspec.structs.asdict(settings(use_case="chatbot", models=(HAIKU, NOVA, MICRO, LLAMA)))
    options = ChatbotOptions(
        **{name: changes.pop(name) for name in ChatbotOptions.__struct_fields__ if name in changes}
    )
    return ChatSettings(**{**common, "queue_url": "queue", "options": options, **changes})


def sent(world: World) -> list[dict[str, str]]:
    return [json.loads(message["body"]) for message in world.sqs.messages]
