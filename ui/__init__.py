"""The page: a Streamlit application over the deployed REST APIs. It speaks HTTP to them and imports nothing else."""
