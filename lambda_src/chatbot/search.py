"""Searches a caller's conversations for a text in their titles and messages.

There is no index of texts: conversations are read and compared, newest first, some at a time. A thousand
conversations of 20 kB are read for less than a tenth of a cent, within seconds.
"""

from concurrent.futures import ThreadPoolExecutor

from lambda_src.chatbot.conversations import ConversationItem, Conversations
from lambda_src.shared.context import Context

# The most conversations that one request reads; the next page continues.
MAX_EXAMINED = 200
# Conversations are read in batches, concurrently.
BATCH = 20
READERS = 8
# A request that has less time left ends with what it has found.
LEAST_SECONDS = 10.0


def search(
    conversations: Conversations, context: Context, text: str, limit: int, cursor: str | None
) -> tuple[list[ConversationItem], str | None]:
    """Up to `limit` conversations with the text, newest first, and the cursor of the next page if there is one."""
    found: list[ConversationItem] = []
    wanted = _normalized(text)
    with ThreadPoolExecutor(max_workers=READERS) as pool:
        for _ in range(MAX_EXAMINED // BATCH):
            batch, cursor = conversations.page(context.caller, BATCH, cursor)
            hits = pool.map(lambda each: _contains(conversations, context.caller, each, wanted), batch)
            for conversation, hit in zip(batch, hits, strict=True):
                if hit:
                    found.append(conversation)
                if len(found) == limit:
                    return found, _cursor_after(conversation, batch, cursor)
            if cursor is None or context.deadline.seconds_left < LEAST_SECONDS:
                break
    return found, cursor


def _contains(conversations: Conversations, caller: str, conversation: ConversationItem, wanted: str) -> bool:
    title = conversation.title or conversation.preview or ""
    if wanted in _normalized(title):
        return True
    messages = conversations.messages(caller, conversation).values()
    return any(wanted in _normalized(message.text) for message in messages)


def _cursor_after(conversation: ConversationItem, batch: list[ConversationItem], cursor: str | None) -> str | None:
    """A list continues after an id."""
    return cursor if conversation is batch[-1] else conversation.id


def _normalized(text: str) -> str:
    """Differences of case and white space do not matter."""
    return " ".join(text.casefold().split())
