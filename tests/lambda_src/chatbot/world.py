"""Everything the chatbot talks to, in memory: with a clock, and with a way to be killed at any call."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from fakes import CALLER, FakeBucket, FakeModel, FakeTable, LambdaContext, said, settings

from chatbot.album import Album
from chatbot.conversations import Conversations, MessageRecord, Record
from chatbot.memory.batch import make_batch
from chatbot.memory.worker import Worker
from chatbot.models import Answer, ConversationAnswer, CreateConversation, SendMessage
from chatbot.queue import Queue
from chatbot.service import ChatService
from chatbot.settings import ChatSettings
from shared.bedrock import Bedrock
from shared.catalogue import Invocation
from shared.context import Context, Deadline, ModelUse
from shared.errors import ApiError, ModelFailed
from shared.idempotency import LEASE_SECONDS, Claim, Idempotency
from shared.idempotency import Answer as Kept
from tests.lambda_src.hr_qa.world import Killed, Killer, Mortal

HAIKU = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
NOVA = "us.amazon.nova-lite-v1:0"
MICRO = "us.amazon.nova-micro-v1:0"
LLAMA = "us.meta.llama3-1-8b-instruct-v1:0"
PIECES = 3


class Use(ModelUse):
    cached_tokens: int = 0


class ChatContext(Context):
    """A request's context, with its idempotency key's claim if it has one."""

    def __init__(self, caller: str = CALLER, claim: Claim | None = None, seconds: float = 27) -> None:
        super().__init__(caller=caller, request_id="request-1", deadline=Deadline(seconds))
        self._claim = claim

    def used(self, invocation: Invocation) -> ModelUse:
        return self.uses.setdefault(invocation.id, Use(invocation))

    def finishing_writes(self, answer: Any) -> list[dict[str, Any]]:
        if self._claim is None:
            return []
        body = msgspec.json.encode(answer).decode()
        update = {
            "TableName": "table",
            "Key": {"pk": {"S": f"idempotency#{self._claim.pk}"}, "sk": {"S": "request"}},
            "UpdateExpression": "SET answer = :answer REMOVE leaseUntil",
            "ConditionExpression": "#owner = :owner",
            "ExpressionAttributeNames": {"#owner": "owner"},
            "ExpressionAttributeValues": {":answer": {"S": body}, ":owner": {"S": self._claim.owner}},
        }
        return [{"Update": update}]


class FakeStream:
    """An answer in pieces. `breaks` comes after so many of them."""

    def __init__(self, text: str, stop: str, breaks: ApiError | None = None, after: int = 1) -> None:
        size = max(1, -(-len(text) // PIECES))
        self._pieces = [text[start : start + size] for start in range(0, len(text), size)]
        self._stop = stop
        self._breaks = breaks
        self._after = after
        self.closed = False
        self.read = 0

    def __iter__(self) -> Iterator[str]:
        for piece in self._pieces:
            if self._breaks and self.read == self._after:
                raise self._breaks
            self.read += 1
            yield piece
        if self._breaks:
            raise self._breaks

    @property
    def stop_reason(self) -> str:
        assert self.read == len(self._pieces), "known only when the answer has ended"
        return self._stop

    def close(self) -> None:
        self.closed = True


class FakeBedrock(Bedrock):
    """Answers of the model's queue, whole or as a stream. `breaks` ends the next stream midway."""

    streams: list[FakeStream]
    breaks: ApiError | None = None
    cached = 0

    def converse(self, context: Context, invocation: Invocation, request: dict[str, Any]) -> dict[str, Any]:
        answer = super().converse(context, invocation, request)
        if self.cached:
            context.used(invocation).cached_tokens += self.cached  # type: ignore[attr-defined]
        return answer

    def converse_stream(self, context: Context, invocation: Invocation, request: dict[str, Any]) -> FakeStream:
        answer = self.converse(context, invocation, request)
        text = "".join(block["text"] for block in answer["output"]["message"]["content"])
        breaks, self.breaks = self.breaks, None
        self.streams.append(FakeStream(text, answer["stopReason"], breaks))
        return self.streams[-1]


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
        self.model = FakeModel(*answers)
        self.streams: list[FakeStream] = []
        self.breaks: ApiError | None = None
        self.cached = 0
        self.settings = chat_settings(**changes)
        self.conversations = Conversations("table", self.table, self.clock)

    def clock(self) -> float:
        return self.now

    def bedrock(self) -> FakeBedrock:
        model = Mortal(self.model, self.killer)
        made = FakeBedrock(self.settings, lambda seconds, region: model, lambda seconds: None)
        made.streams, made.breaks, made.cached = self.streams, self.breaks, self.cached
        return made

    def stores(self) -> tuple[Conversations, Album, Queue]:
        table, bucket, sqs = (Mortal(one, self.killer) for one in (self.table, self.bucket, self.sqs))
        conversations = Conversations("table", table, self.clock, lambda seconds: None)
        return conversations, Album("bucket", bucket, self.clock), Queue("queue", sqs)

    def service(self) -> ChatService:
        """A fresh process, as after a kill: nothing but the stores carries over."""
        conversations, album, queue = self.stores()
        return ChatService(
            self.settings,
            self.bedrock(),
            conversations=conversations,
            album=album,
            queue=queue,
            now=self.clock,
        )

    def memory(self) -> Any:
        """The queue's handler, in a fresh process."""
        conversations, album, queue = self.stores()
        worker = Worker(
            self.settings, self.bedrock(), conversations=conversations, album=album, queue=queue, now=self.clock
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
            self.killer.at = None
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

    def once(self, key: str, call: Callable[[ChatContext], Any], kind: type, caller: str = CALLER) -> Any:
        """A request with an idempotency key, as the API does it. A stream is read to its end."""
        idempotency = Idempotency("table", Mortal(self.table, self.killer), self.clock)
        begun = self._begun(idempotency, caller, key, kind)
        if not isinstance(begun, Claim):
            return begun
        try:
            result = call(ChatContext(caller, begun))
            if not isinstance(result, (Answer, ConversationAnswer)):
                *_, result = result
        except Exception:
            self._give_back(idempotency, begun)
            raise
        return result

    def retried(self, key: str, call: Callable[[ChatContext], Any], kind: type, caller: str = CALLER) -> Any:
        """The request again after a kill, when the dead one's lease is over."""
        try:
            return self.once(key, call, kind, caller)
        except Killed:
            self.killer.at = None
            self.now += LEASE_SECONDS + 1
            return self.once(key, call, kind, caller)

    def _begun(self, idempotency: Idempotency, caller: str, key: str, kind: type) -> Any:
        try:
            begun = idempotency.begin(caller=caller, route="route", key=key, body=b"")
        except ApiError:
            # Another request has the key: its answer, if it is there, was written with the turn.
            (kept,) = [item for item in self.table.items.values() if "answer" in item] or [None]
            if kept is None:
                raise
            return msgspec.json.decode(kept["answer"]["S"], type=kind)
        assert not isinstance(begun, Kept), "only `finishing_writes` finishes here"
        return begun

    def _give_back(self, idempotency: Idempotency, claim: Claim) -> None:
        item = self.table.items.get((f"idempotency#{claim.pk}", "request"), {})
        if "leaseUntil" in item:
            idempotency.give_back(claim)

    def record(self, conversation: str, caller: str = CALLER) -> Record:
        found = self.conversations.find(caller, conversation)
        assert found
        return found

    def messages(self, conversation: str, caller: str = CALLER) -> list[MessageRecord]:
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


def broken() -> ApiError:
    return ModelFailed("The model's answer broke off.")


def sent(world: World) -> list[dict[str, str]]:
    return [json.loads(message["body"]) for message in world.sqs.messages]
