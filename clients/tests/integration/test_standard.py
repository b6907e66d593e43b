"""LangChain's own integration tests against a deployed stage: BEDROCK_ENDPOINTS_STAGE and the caller's credentials.

What the API cannot do, tools and structured output and other inputs than text, is said by the properties.
"""

from typing import Any

from langchain_tests.integration_tests import (
    ChatModelIntegrationTests,
    EmbeddingsIntegrationTests,
    RetrieversIntegrationTests,
)

from langchain_bedrock_endpoints import BedrockEndpointsEmbeddings, BedrockEndpointsRetriever, ChatBedrockEndpoints

# Of those that a stage offers by default.
OTHER_MODEL = "us.amazon.nova-lite-v1:0"


class TestChat(ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[ChatBedrockEndpoints]:
        return ChatBedrockEndpoints

    @property
    def chat_model_params(self) -> dict[str, Any]:
        # The local stage writes some 60 tokens a second.
        return {"max_tokens": 20}

    @property
    def supports_model_override(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return OTHER_MODEL


class TestEmbeddings(EmbeddingsIntegrationTests):
    @property
    def embeddings_class(self) -> type[BedrockEndpointsEmbeddings]:
        return BedrockEndpointsEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"dimensions": 256}


class TestRetriever(RetrieversIntegrationTests):
    """Needs documents on the stage; the local one has its sample handbooks."""

    @property
    def retriever_constructor(self) -> type[BedrockEndpointsRetriever]:
        return BedrockEndpointsRetriever

    @property
    def retriever_query_example(self) -> str:
        return "how much time off after a birth?"

    @property
    def num_results_arg_name(self) -> str:
        return "limit"
