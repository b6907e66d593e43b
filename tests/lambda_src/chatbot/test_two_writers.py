"""Two concurrent turns, in any order of their calls to AWS: one is written completely, the other is a conflict."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambda_src.chatbot.models import Answer, SendMessage
from lambda_src.shared.errors import Conflict
from tests.fakes import converse_answer
from tests.lambda_src.chatbot.world import ChatContext, World


class Turnstile:
    """Runs several threads one at a time, each up to its next call to AWS, in the order of a list."""

    def __init__(self, order: list[bool]) -> None:
        self.order = list(order)
        self._change = threading.Condition()
        self._waiting: set[str] = set()
        self._running: set[str] = set()
        self._granted: str | None = None

    def guard(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*arguments: Any, **named: Any) -> Any:
            self._wait(threading.current_thread().name)
            return call(*arguments, **named)

        return guarded

    def _wait(self, name: str) -> None:
        with self._change:
            if name not in self._running:
                return
            self._waiting.add(name)
            self._change.notify_all()
            assert self._change.wait_for(lambda: self._granted == name, 10)
            self._granted = None
            self._waiting.remove(name)

    def run(self, *functions: Callable[[], None]) -> None:
        names = [f"writer {number}" for number in range(len(functions))]
        self._running = {*names}
        threads = [
            threading.Thread(target=self._run, args=(name, function), name=name)
            for name, function in zip(names, functions, strict=True)
        ]
        for thread in threads:
            thread.start()
        while True:
            with self._change:
                assert self._change.wait_for(lambda: self._waiting == self._running and self._granted is None, 10)
                if not self._running:
                    break
                ready = sorted(self._waiting)
                self._granted = ready[-1] if self.order and self.order.pop(0) else ready[0]
                self._change.notify_all()
        for thread in threads:
            thread.join(10)

    def _run(self, name: str, function: Callable[[], None]) -> None:
        try:
            function()
        finally:
            with self._change:
                self._running.discard(name)
                self._change.notify_all()


@given(st.lists(st.booleans(), min_size=4, max_size=24), st.booleans(), st.integers(0, 2))
@settings(max_examples=300, deadline=None)
def test_two_concurrent_turns_are_serialized_or_conflict(order: list[bool], streamed: bool, before: int) -> None:
    world = World()
    conversation = world.create(title="a")
    for _ in range(before):
        world.send(conversation)
    turnstile = Turnstile(order)
    world.killer = turnstile  # type: ignore[assignment]
    world.model.queue[:] = [converse_answer("Because.")] * 2
    answers: list[Answer | Exception] = []

    def turn(text: str) -> Callable[[], None]:
        def send() -> None:
            service, body = world.service(), SendMessage(text=text)
            try:
                if streamed:
                    *_, answer = service.stream_message(ChatContext(), id=conversation, body=body)
                    assert isinstance(answer, Answer)
                else:
                    answer = service.send_message(ChatContext(), id=conversation, body=body)
                answers.append(answer)
            except Conflict as conflict:
                answers.append(conflict)

        return send

    turnstile.run(turn("first"), turn("second"))

    written = [answer for answer in answers if isinstance(answer, Answer)]
    # If both are written, one followed the other and has it in its history.
    world.assert_complete(conversation, before + len(written))
    assert len(answers) == 2
    assert 1 <= len(written) <= 2
    if len(written) == 2:
        assert len(world.model.requests[-1]["messages"]) == 2 * before + 3
    assert {answer.message.id for answer in written} <= {message.id for message in world.messages(conversation)}


@pytest.mark.parametrize("order", [[False, True] * 12, [True, False] * 12])
def test_turns_in_lockstep_are_one_turn_and_one_conflict(order: list[bool]) -> None:
    world = World()
    conversation = world.create(title="a")
    turnstile = Turnstile(order)
    world.killer = turnstile  # type: ignore[assignment]
    world.model.queue[:] = [converse_answer("Because.")] * 2
    results: list[str] = []

    def send() -> None:
        try:
            world.service().send_message(ChatContext(), id=conversation, body=SendMessage(text="Why?"))
            results.append("written")
        except Conflict:
            results.append("conflict")

    turnstile.run(send, send)

    assert sorted(results) == ["conflict", "written"]
    world.assert_complete(conversation, 1)
