"""The web UI: a Streamlit application that calls the deployed REST APIs through the project's Python client."""
