"""What the chatbot's benchmark is made of."""
