"""From an uploaded document to chunks that can be searched."""
