"""The table's record of questions: who may rate an answer, and which questions the documents did not answer.

A question (`asked`, `<id>`) belongs to its caller. While it is unanswered, or its answer was rated as unhelpful, it is
also listed as a gap (`gaps#<namespace>`, `<id>`) of each namespace that it searched, without its caller: the editors of
a space read there what is missing. Where callers can have their data erased, `asker#<namespace>`, `<id>` lists the
questions of each caller. All expire together. Answers are not stored.
"""

from typing import Any

import msgspec

from lambda_src.shared.callers import caller_namespace
from lambda_src.shared.errors import NotFound
from lambda_src.shared.ids import timestamp
from lambda_src.shared.table import Item, Table, check_cursor, from_item, item_key, to_item

DAY_SECONDS = 24 * 3600
NOT_FOUND = "There is no question of yours with this id."


class Gap(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """A question that the documents did not answer, or not well."""

    id: str
    question: str
    answered: bool
    asked_at: str
    helpful: bool | None = None
    comment: str | None = None
    expires_at: int = 0


class _AskedQuestion(Gap, kw_only=True, rename="camel", omit_defaults=True):
    """`owner` is the digest of the caller."""

    owner: str
    namespaces: list[str]

    @property
    def gap(self) -> Gap:
        return Gap(**{name: getattr(self, name) for name in Gap.__struct_fields__})

    @property
    def is_gap(self) -> bool:
        # A rating outweighs what the model says of itself.
        return not self.answered if self.helpful is None else not self.helpful


class AskedQuestions(Table):
    """The questions of one stage."""

    def add(
        self, question: Gap, caller: str, namespaces: list[str], days: int, *, listed_by_caller: bool = False
    ) -> None:
        """Records a question that was just asked; it expires after `days`."""
        expires_at = int(self._now()) + days * DAY_SECONDS
        owner = caller_namespace(caller)
        fields = {**msgspec.structs.asdict(question), "expires_at": expires_at}
        if listed_by_caller:
            # First: a question that is not listed would not be erased.
            key = item_key(_by_caller(owner), question.id)
            self._call("put_item", Item={**key, **to_item({"expiresAt": expires_at})})
        self._store(_AskedQuestion(**fields, owner=owner, namespaces=namespaces))

    def rate(self, question_id: str, caller: str, *, helpful: bool, comment: str | None) -> None:
        """Replaces the caller's rating. Raises `NotFound` for a question of somebody else."""
        item = self._get(_asked_key(question_id))
        asked = msgspec.convert(from_item(item), _AskedQuestion) if item else None
        if asked is None or asked.owner != caller_namespace(caller) or asked.expires_at <= self._now():
            raise NotFound(NOT_FOUND)
        if not self._store(msgspec.structs.replace(asked, helpful=helpful, comment=comment), "attribute_exists(pk)"):
            # Erased since it was read.
            raise NotFound(NOT_FOUND)

    def gaps(self, namespace: str, limit: int, cursor: str | None) -> tuple[list[Gap], str | None]:
        """A namespace's unanswered and unhelpful questions, newest first, and the next page's cursor."""
        check_cursor(cursor)
        page = self._query(f"gaps#{namespace}", limit=limit, cursor=cursor)
        gaps = [msgspec.convert(from_item(item), Gap) for item in page.items]
        return [gap for gap in gaps if gap.expires_at > self._now()], page.cursor

    def of_caller(self, caller: str, limit: int, cursor: str | None) -> tuple[list[Gap], str | None]:
        """The questions that are listed as the caller's, newest first, and the next page's cursor."""
        page = self._query(_by_caller(caller_namespace(caller)), limit=limit, cursor=cursor)
        items = (self._get(_asked_key(item["sk"]["S"])) for item in page.items)
        questions = [msgspec.convert(from_item(item), _AskedQuestion).gap for item in items if item]
        return [question for question in questions if question.expires_at > self._now()], page.cursor

    def erase(self, caller: str, limit: int) -> tuple[int, int]:
        """Erases up to `limit` of the caller's questions, and that many gaps of their own documents. Returns how many
        places it found them in, and how many questions those were."""
        owner = caller_namespace(caller)
        # Who asks about a caller's own documents is the caller, so the gaps name some that are not listed.
        places = [
            item_key(partition, item["sk"]["S"])
            for partition in (_by_caller(owner), f"gaps#{owner}")
            for item in self._query(partition, limit=limit, consistent=True).items
        ]
        erased = 0
        for place in places:
            erased += self._erase(place["sk"]["S"])
            self._call("delete_item", Key=place)
        return len(places), erased

    def _erase(self, question_id: str) -> bool:
        item = self._get(_asked_key(question_id))
        if item is None:
            return False
        for namespace in msgspec.convert(from_item(item), _AskedQuestion).namespaces:
            self._call("delete_item", Key=item_key(f"gaps#{namespace}", question_id))
        self._call("delete_item", Key=_asked_key(question_id))
        return True

    def _store(self, asked: _AskedQuestion, condition: str | None = None) -> bool:
        """The question and its gaps in one transaction, which may be repeated. Returns whether it was made."""
        put: dict[str, Any] = {
            "TableName": self._table,
            "Item": {**_asked_key(asked.id), **to_item(msgspec.to_builtins(asked))},
        }
        if condition:
            put["ConditionExpression"] = condition
        writes = [{"Put": put}]
        for namespace in asked.namespaces:
            key = item_key(f"gaps#{namespace}", asked.id)
            if asked.is_gap:
                item = {**key, **to_item(msgspec.to_builtins(asked.gap))}
                writes.append({"Put": {"TableName": self._table, "Item": item}})
            else:
                writes.append({"Delete": {"TableName": self._table, "Key": key}})
        return "ConditionalCheckFailed" not in self._transact(writes)


def new_question(question_id: str, question: str, *, answered: bool) -> Gap:
    """A question asked now."""
    return Gap(id=question_id, question=question, answered=answered, asked_at=timestamp())


def _by_caller(owner: str) -> str:
    return f"asker#{owner}"


def _asked_key(question_id: str) -> Item:
    return item_key(f"asked#{question_id}", "question")
