"""The gateway's authorizer: who a token or a key stands for."""
