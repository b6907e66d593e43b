"""The chatbot's API as a web server behind the web adapter."""
