"""The route table of the chatbot."""

from lambda_src.chatbot.models import (
    AddedTurn,
    AddTurn,
    Answer,
    ChangeConversation,
    ConversationAnswer,
    ConversationList,
    CreateConversation,
    MessageList,
    SendMessage,
)
from lambda_src.shared.errors import Conflict, Refused
from lambda_src.shared.photos import MAX_BODY_BYTES
from lambda_src.shared.routes import Route
from lambda_src.shared.schemas import ListQuery

ROUTES = (
    Route(
        method="POST",
        path="/conversations",
        operation="create_conversation",
        summary="Create a conversation",
        status=201,
        request=CreateConversation,
        response=ConversationAnswer,
        idempotent=True,
    ),
    Route(
        method="GET",
        path="/conversations",
        operation="list_conversations",
        summary="List your conversations",
        query=ListQuery,
        response=ConversationList,
    ),
    Route(
        method="GET",
        path="/conversations/{id}",
        operation="get_conversation",
        summary="Get a conversation, without its messages",
        response=ConversationAnswer,
    ),
    Route(
        method="PATCH",
        path="/conversations/{id}",
        operation="change_conversation",
        summary="Change a conversation's title or model",
        request=ChangeConversation,
        response=ConversationAnswer,
    ),
    Route(
        method="DELETE",
        path="/conversations/{id}",
        operation="delete_conversation",
        summary="Delete a conversation and its messages",
        status=204,
    ),
    Route(
        method="GET",
        path="/conversations/{id}/messages",
        operation="list_messages",
        summary="List a conversation's messages",
        query=ListQuery,
        response=MessageList,
    ),
    Route(
        method="POST",
        path="/conversations/{id}/turns",
        operation="add_turn",
        summary="Add a turn from elsewhere, without asking the model",
        status=201,
        request=AddTurn,
        response=AddedTurn,
        raises=(Conflict, Refused),
        idempotent=True,
    ),
    Route(
        method="POST",
        path="/conversations/{id}/messages",
        operation="send_message",
        raises=(Conflict,),
        summary="Send a message and get the answer",
        request=SendMessage,
        response=Answer,
        idempotent=True,
        calls_model=True,
        max_body_bytes=MAX_BODY_BYTES,
    ),
    Route(
        method="POST",
        path="/conversations/{id}/messages/stream",
        operation="stream_message",
        raises=(Conflict,),
        summary="Send a message and get the answer as it is written",
        request=SendMessage,
        response=Answer,
        idempotent=True,
        calls_model=True,
        max_body_bytes=MAX_BODY_BYTES,
        stream="message",
    ),
)
