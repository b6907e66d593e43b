"""LangChain classes over the APIs. Install with the extra `langchain`."""

from bedrock_endpoints.langchain.chat_history import ConversationHistory
from bedrock_endpoints.langchain.chat_models import ChatBedrockEndpoints
from bedrock_endpoints.langchain.embeddings import BedrockEndpointsEmbeddings
from bedrock_endpoints.langchain.retrievers import BedrockEndpointsRetriever

__all__ = [
    "BedrockEndpointsEmbeddings",
    "BedrockEndpointsRetriever",
    "ChatBedrockEndpoints",
    "ConversationHistory",
]
