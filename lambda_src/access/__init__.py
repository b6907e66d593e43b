"""Access by tokens: keys for programs, and the identity provider's tokens. Administrators make and revoke the keys."""
