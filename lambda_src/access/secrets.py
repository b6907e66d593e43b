"""The text of an API key, `be_<id>_<secret>`, and the digest of its secret, which is all that is stored."""

import hashlib
import hmac
import re
import secrets

import msgspec

# 256 random bits: nobody can guess one, so a plain digest protects it as well as a slow one would.
# https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html is about secrets that people choose.
SECRET_BYTES = 32
_KEY = re.compile(r"be_([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


class PresentedKey(msgspec.Struct, frozen=True):
    """A key as a caller sends it."""

    key_id: str
    secret: str

    @property
    def text(self) -> str:
        return f"be_{self.key_id.replace('-', '')}_{self.secret}"

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.secret.encode()).digest()

    def matches(self, digest: bytes) -> bool:
        """Whether this is the secret of a digest, in a time that says nothing about it."""
        return hmac.compare_digest(self.digest, digest)


def new_key(key_id: str) -> PresentedKey:
    """A key with a new secret."""
    return PresentedKey(key_id, secrets.token_urlsafe(SECRET_BYTES))


def parse_key(text: str) -> PresentedKey | None:
    """The key in a text; None if it has no key's form."""
    match = _KEY.fullmatch(text)
    return PresentedKey("-".join(match.groups()[:5]), match[6]) if match else None
