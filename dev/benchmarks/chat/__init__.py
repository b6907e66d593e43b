"""Parts of the chatbot's benchmark."""
