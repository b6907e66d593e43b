"""The chatbot's API as a server behind the web adapter."""
