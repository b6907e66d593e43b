"""Makes a model from loans that are paid back or lost. Runs where numpy is; the engine does without."""
