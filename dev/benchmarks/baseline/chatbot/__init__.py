"""A chatbot with LangChain's `RunnableWithMessageHistory`, the documented replacement for `ConversationChain`."""
