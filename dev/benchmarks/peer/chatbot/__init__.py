"""The chatbot as LangChain has it since `ConversationChain`, whose deprecation names `RunnableWithMessageHistory`."""
