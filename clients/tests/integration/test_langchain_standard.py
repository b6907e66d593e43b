"""LangChain's standard integration tests on a deployed stage: BEDROCK_ENDPOINTS_STAGE and the caller's credentials.

Their properties say what the API does not support: tools, structured output, and input other than text.
"""

from typing import Any

from langchain_tests.integration_tests import (
    ChatModelIntegrationTests,
    EmbeddingsIntegrationTests,
    RetrieversIntegrationTests,
)

from bedrock_endpoints.langchain import BedrockEndpointsEmbeddings, BedrockEndpointsRetriever, ChatBedrockEndpoints

# A model that a stage offers by default.
OTHER_MODEL = "amazon.nova-2-lite-v1:0"


class TestChat(ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[ChatBedrockEndpoints]:
        return ChatBedrockEndpoints

    @property
    def chat_model_params(self) -> dict[str, Any]:
        # The local stage generates about 60 tokens per second.
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
