"""Text models tried out: one completion, several side by side, and what models there are."""
