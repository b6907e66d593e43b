"""LangChain over the REST APIs of bedrock-endpoints."""

from langchain_bedrock_endpoints._version import __version__
from langchain_bedrock_endpoints.chat_history import ConversationHistory
from langchain_bedrock_endpoints.chat_models import ChatBedrockEndpoints
from langchain_bedrock_endpoints.embeddings import BedrockEndpointsEmbeddings
from langchain_bedrock_endpoints.retrievers import BedrockEndpointsRetriever

__all__ = [
    "BedrockEndpointsEmbeddings",
    "BedrockEndpointsRetriever",
    "ChatBedrockEndpoints",
    "ConversationHistory",
    "__version__",
]
