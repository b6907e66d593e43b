"""The playground's API as a web server behind the web adapter."""
