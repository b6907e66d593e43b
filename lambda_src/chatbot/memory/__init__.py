"""What is done to a conversation after its turns: titles, summaries, deletion."""
