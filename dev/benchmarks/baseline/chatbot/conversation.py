"""A Bedrock conversation with its history in DynamoDB, as in LangChain's reference documentation."""

import os

from langchain_aws import ChatBedrockConverse
from langchain_community.chat_message_histories import DynamoDBChatMessageHistory
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables.config import RunnableConfig
from langchain_core.runnables.history import RunnableWithMessageHistory

MODEL = os.environ["MODELS"].split(",")[0]
TABLE = os.environ["TABLE_NAME"]

prompt = ChatPromptTemplate.from_messages(
    [
        ("system", "You are a helpful assistant."),
        MessagesPlaceholder(variable_name="history"),
        ("human", "{input}"),
    ]
)
model = ChatBedrockConverse(model=MODEL, max_tokens=1000)
conversation = RunnableWithMessageHistory(
    prompt | model,
    lambda session_id: DynamoDBChatMessageHistory(table_name=TABLE, session_id=session_id),
    input_messages_key="input",
    history_messages_key="history",
)


def session(caller: str, conversation_id: str) -> RunnableConfig:
    return {"configurable": {"session_id": f"{caller}#{conversation_id}"}}
