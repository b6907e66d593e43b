"""Random operations of several callers, checked against a reference: no caller sees or changes another's data."""

import json
from typing import Any

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lambda_src.chatbot.models import (
    AddTurn,
    ChangeConversation,
    ConversationQuery,
    CreateConversation,
    Feedback,
    SendMessage,
)
from lambda_src.chatbot.routes import ROUTES
from lambda_src.shared.errors import NotFound
from lambda_src.shared.photos import Photo
from lambda_src.shared.schemas import ListQuery
from tests.fakes import converse_answer, png
from tests.lambda_src.chatbot.world import ChatContext, World

# Names that would collide in a key without delimiters.
CALLERS = ("ana", "ana#", "bob")
OPERATIONS = [route.operation for route in ROUTES]
STEPS = st.lists(
    st.tuples(st.sampled_from(CALLERS), st.sampled_from([*OPERATIONS, "memory"]), st.integers(0, 5), st.booleans()),
    max_size=14,
)


class Owned(msgspec.Struct):
    """The expected state of a conversation."""

    owner: str
    title: str
    texts: list[str] = msgspec.field(default_factory=list)


class Reference:
    """Runs operations and knows the owner and the expected state of each conversation."""

    def __init__(self) -> None:
        self.world = World()
        self.owned: dict[str, Owned] = {}
        self.created: list[str] = []
        self.count = 0

    def secret(self, caller: str) -> str:
        """Text that may appear in this caller's answers only."""
        self.count += 1
        return f"secret-of-{CALLERS.index(caller)}-{self.count}"

    def owned_by(self, caller: str) -> list[str]:
        return [each for each in reversed(self.created) if each in self.owned and self.owned[each].owner == caller]

    def do(self, caller: str, operation: str, number: int, flag: bool) -> None:
        if operation == "memory":
            self.run_memory()
        elif operation == "create_conversation":
            self.create(caller)
        elif operation == "list_conversations":
            listed = self.call(caller, operation, query=ConversationQuery(limit=100))
            assert [item.id for item in listed.items] == self.owned_by(caller)
        elif self.created:
            self.operate(caller, operation, self.created[number % len(self.created)], flag)

    def create(self, caller: str) -> None:
        title = self.secret(caller)
        conversation = self.call(caller, "create_conversation", body=CreateConversation(title=title))
        self.world.now += 0.01
        self.created.append(conversation.id)
        self.owned[conversation.id] = Owned(caller, title)

    def operate(self, caller: str, operation: str, conversation: str, flag: bool) -> None:
        """Runs an operation on a conversation, which may belong to another caller."""
        owned = self.owned.get(conversation)
        secret = self.secret(caller)
        arguments = self.arguments(operation, secret, flag)
        if operation == "give_feedback":
            arguments["message"] = self.answer_id(conversation)
        if owned is None or owned.owner != caller:
            self.expect_not_found(caller, operation, conversation, arguments)
            return
        # More than one: before it answers in a long conversation, the model may summarize it.
        self.world.model.queue[:] = [converse_answer(f"answer to {secret}")] * 5
        if operation == "stream_message" and flag and owned.texts:
            arguments["body"].replaces = self.answer_id(conversation)
            owned.texts[-2:] = []
        if operation == "give_feedback" and not owned.texts:
            self.expect_not_found(caller, operation, conversation, arguments)
            return
        answer = self.call(caller, operation, id=conversation, **arguments)
        if operation == "change_conversation":
            owned.title = secret
        elif operation == "delete_conversation":
            del self.owned[conversation]
        elif operation in ("send_message", "stream_message", "add_turn"):
            owned.texts += [secret, f"answer to {secret}"]
        elif operation == "give_feedback":
            assert answer.helpful is flag
        elif operation == "stop_answer":
            # The next answers begin after it.
            self.world.now += 0.01
        elif operation == "list_messages":
            assert [item.text for item in reversed(answer.items)] == owned.texts
        else:
            assert (answer.id, answer.title, answer.message_count) == (conversation, owned.title, len(owned.texts))

    def expect_not_found(self, caller: str, operation: str, conversation: str, arguments: dict[str, Any]) -> None:
        before = self.snapshot()
        repeatable = operation == "delete_conversation" and self.was_owned_by(caller, conversation)
        try:
            self.call(caller, operation, id=conversation, **arguments)
        except NotFound:
            repeatable = False
        else:
            # Only a deletion may be repeated, and only by the former owner.
            assert repeatable
        if not repeatable:
            assert self.snapshot() == before

    def was_owned_by(self, caller: str, conversation: str) -> bool:
        return (f"conversation#{caller}", conversation) in self.world.table.items

    def snapshot(self) -> tuple[Any, ...]:
        world = self.world
        return dict(world.table.items), dict(world.bucket.objects), len(world.sqs.messages), len(world.model.requests)

    def answer_id(self, conversation: str) -> str:
        """The id of its newest answer, or one that it does not have."""
        owned = self.owned.get(conversation)
        messages = self.world.messages(conversation, owned.owner) if owned else []
        return messages[-1].id if messages else conversation

    def arguments(self, operation: str, secret: str, flag: bool) -> dict[str, Any]:
        if operation == "change_conversation":
            return {"body": ChangeConversation(title=secret)}
        if operation == "list_messages":
            return {"query": ListQuery(limit=100)}
        if operation == "add_turn":
            return {"body": AddTurn(user=secret, assistant=f"answer to {secret}")}
        if operation == "give_feedback":
            return {"body": Feedback(helpful=flag, comment=secret)}
        if operation in ("send_message", "stream_message"):
            photos = [Photo(content_type="image/png", data=png())] if flag else []
            return {"body": SendMessage(text=secret, photos=photos)}
        return {}

    def call(self, caller: str, operation: str, **arguments: Any) -> Any:
        """The operation's answer. Fails if it has data of another caller."""
        before = len(self.world.model.requests)
        answer = getattr(self.world.service(), operation)(ChatContext(caller), **arguments)
        if operation == "stream_message":
            *_, answer = answer
        shown = json.dumps(msgspec.to_builtins(answer)) + str(self.world.model.requests[before:])
        for other, name in enumerate(CALLERS):
            assert name == caller or f"secret-of-{other}-" not in shown
        for conversation, owned in self.owned.items():
            assert owned.owner == caller or conversation not in shown
        return answer

    def run_memory(self) -> None:
        """Delivers the messages that are visible now."""
        due = [message for message in self.world.sqs.messages if message["visible"] <= self.world.now]
        for message in due:
            # A long conversation is summarized, from its own messages.
            owner = json.loads(message["body"])["caller"]
            before = len(self.world.model.requests)
            self.world.model.queue[:] = [converse_answer("A summary")] * 5
            assert self.world.deliver(message)
            sent = str(self.world.model.requests[before:])
            assert not [caller for number, caller in enumerate(CALLERS) if caller != owner and f"of-{number}-" in sent]
            self.world.sqs.messages.remove(message)

    def check(self) -> None:
        self.run_memory()
        for conversation, owned in self.owned.items():
            assert [message.text for message in self.world.messages(conversation, owned.owner)] == owned.texts
            assert self.world.conversation(conversation, owned.owner).title == owned.title
        stored = [key for key in self.world.table.items if key[0].startswith("messages#")]
        visible = sum(len(owned.texts) for owned in self.owned.values())
        assert len([key for key in stored if any(conversation in key[0] for conversation in self.owned)]) == visible


# Long enough for a summary.
LONG = [("ana", "send_message", 0, True)] * 14


@given(STEPS)
@example(LONG)
@settings(max_examples=1_000, deadline=None)
def test_no_caller_sees_or_changes_another_callers_conversations(steps: list[tuple[str, str, int, bool]]) -> None:
    reference = Reference()
    for caller in CALLERS[:2]:
        reference.create(caller)
    for step in steps:
        reference.do(*step)
    reference.check()
