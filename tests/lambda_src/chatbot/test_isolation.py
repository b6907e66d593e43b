"""Callers who do whatever there is to do, beside a model of who owns what: nobody sees or changes another's."""

import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from lambda_src.chatbot.models import AddTurn, ChangeConversation, CreateConversation, SendMessage
from lambda_src.chatbot.routes import ROUTES
from lambda_src.shared.errors import NotFound
from lambda_src.shared.photos import Photo
from lambda_src.shared.schemas import ListQuery
from tests.fakes import converse_answer, png
from tests.lambda_src.chatbot.world import ChatContext, World

# Names that an unguarded key could take for one another.
CALLERS = ("ana", "ana#", "bob")
OPERATIONS = [route.operation for route in ROUTES]
STEPS = st.lists(
    st.tuples(st.sampled_from(CALLERS), st.sampled_from([*OPERATIONS, "memory"]), st.integers(0, 5), st.booleans()),
    max_size=14,
)


class Owned(msgspec.Struct):
    """What a conversation should be like to its owner."""

    owner: str
    title: str
    texts: list[str] = msgspec.field(default_factory=list)


class Truth:
    """Who owns what, and what every answer has to be."""

    def __init__(self) -> None:
        self.world = World()
        self.owned: dict[str, Owned] = {}
        self.made: list[str] = []
        self.count = 0

    def secret(self, caller: str) -> str:
        """Words that only this caller's answers may hold."""
        self.count += 1
        return f"secret-of-{CALLERS.index(caller)}-{self.count}"

    def mine(self, caller: str) -> list[str]:
        return [one for one in reversed(self.made) if one in self.owned and self.owned[one].owner == caller]

    def do(self, caller: str, operation: str, number: int, flag: bool) -> None:
        if operation == "memory":
            self.remember()
        elif operation == "create_conversation":
            self.create(caller)
        elif operation == "list_conversations":
            listed = self.call(caller, operation, query=ListQuery(limit=100))
            assert [one.id for one in listed.items] == self.mine(caller)
        elif self.made:
            self.on(caller, operation, self.made[number % len(self.made)], flag)

    def create(self, caller: str) -> None:
        title = self.secret(caller)
        made = self.call(caller, "create_conversation", body=CreateConversation(title=title))
        self.world.now += 0.01
        self.made.append(made.id)
        self.owned[made.id] = Owned(caller, title)

    def on(self, caller: str, operation: str, conversation: str, flag: bool) -> None:
        """An operation on a conversation, which is the caller's or not."""
        owned = self.owned.get(conversation)
        words = self.secret(caller)
        arguments = self.arguments(operation, words, flag)
        if owned is None or owned.owner != caller:
            self.refused(caller, operation, conversation, arguments)
            return
        self.world.model.queue[:] = [converse_answer(f"answer to {words}")]
        answer = self.call(caller, operation, id=conversation, **arguments)
        if operation == "change_conversation":
            owned.title = words
        elif operation == "delete_conversation":
            del self.owned[conversation]
        elif operation in ("send_message", "stream_message", "add_turn"):
            owned.texts += [words, f"answer to {words}"]
        elif operation == "list_messages":
            assert [one.text for one in reversed(answer.items)] == owned.texts
        else:
            assert (answer.id, answer.title, answer.message_count) == (conversation, owned.title, len(owned.texts))

    def refused(self, caller: str, operation: str, conversation: str, arguments: dict[str, Any]) -> None:
        before = self.everything()
        again = operation == "delete_conversation" and self.once_mine(caller, conversation)
        try:
            self.call(caller, operation, id=conversation, **arguments)
        except NotFound:
            again = False
        else:
            # Only a deletion may come again, and only from whom the conversation was.
            assert again
        if not again:
            assert self.everything() == before

    def once_mine(self, caller: str, conversation: str) -> bool:
        return (f"conversation#{caller}", conversation) in self.world.table.items

    def everything(self) -> tuple[Any, ...]:
        world = self.world
        return dict(world.table.items), dict(world.bucket.objects), len(world.sqs.messages), len(world.model.requests)

    def arguments(self, operation: str, words: str, flag: bool) -> dict[str, Any]:
        if operation == "change_conversation":
            return {"body": ChangeConversation(title=words)}
        if operation == "list_messages":
            return {"query": ListQuery(limit=100)}
        if operation == "add_turn":
            return {"body": AddTurn(user=words, assistant=f"answer to {words}")}
        if operation in ("send_message", "stream_message"):
            photos = [Photo(content_type="image/png", data=png())] if flag else []
            return {"body": SendMessage(text=words, photos=photos)}
        return {}

    def call(self, caller: str, operation: str, **arguments: Any) -> Any:
        """The operation's answer, in which nothing of anybody else's may be."""
        seen = len(self.world.model.requests)
        answer = getattr(self.world.service(), operation)(ChatContext(caller), **arguments)
        if operation == "stream_message":
            *_, answer = answer
        shown = json.dumps(msgspec.to_builtins(answer)) + str(self.world.model.requests[seen:])
        for other, name in enumerate(CALLERS):
            assert name == caller or f"secret-of-{other}-" not in shown
        for conversation, owned in self.owned.items():
            assert owned.owner == caller or conversation not in shown
        return answer

    def remember(self) -> None:
        """The worker does what is due by now."""
        due = [one for one in self.world.sqs.messages if one["visible"] <= self.world.now]
        for message in due:
            assert self.world.deliver(message)
            self.world.sqs.messages.remove(message)

    def check(self) -> None:
        for conversation, owned in self.owned.items():
            assert [one.text for one in self.world.messages(conversation, owned.owner)] == owned.texts
            assert self.world.conversation(conversation, owned.owner).title == owned.title
        kept = [key for key in self.world.table.items if key[0].startswith("messages#")]
        visible = sum(len(owned.texts) for owned in self.owned.values())
        assert len([key for key in kept if any(one in key[0] for one in self.owned)]) == visible


@given(STEPS)
@settings(max_examples=1_000, deadline=None)
def test_nobody_sees_or_changes_another_s(steps: list[tuple[str, str, int, bool]]) -> None:
    truth = Truth()
    for caller in CALLERS[:2]:
        truth.create(caller)
    for step in steps:
        truth.do(*step)
    truth.check()
