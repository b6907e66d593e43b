"""The memory's queue. Its one message type names a conversation that needs maintenance."""

import msgspec

from lambda_src.shared.sqs import SqsQueue


class MaintainConversation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Do what is due for a conversation: its title, its summary, or its deletion."""

    caller: str
    conversation: str


class Queue(SqsQueue):
    """The sending side."""

    def request_maintenance(self, caller: str, conversation_id: str, delay: int = 0) -> None:
        """Sends the message, visible after `delay` seconds (900 at most). Raises `Unavailable`."""
        body = msgspec.json.encode(MaintainConversation(caller, conversation_id)).decode()
        self._call("send_message", MessageBody=body, DelaySeconds=delay)
