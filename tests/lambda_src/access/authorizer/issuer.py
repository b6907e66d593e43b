"""An issuer that signs tokens, and what it answers."""

import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

URL = "https://idp.example.com/realms/staff"
AUDIENCE = "bedrock"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def public_key(private: Any, key_id: str | None = "k1", **members: Any) -> dict[str, Any]:
    algorithm = RSAAlgorithm if isinstance(private, rsa.RSAPrivateKey) else ECAlgorithm
    key = algorithm.to_jwk(private.public_key(), as_dict=True)
    return {**key, "use": "sig", **({"kid": key_id} if key_id else {}), **members}


def token(
    private: Any = RSA_KEY,
    *,
    algorithm: str | None = "RS256",
    headers: dict[str, Any] | None = None,
    without: str = "",
    **claims: Any,
) -> str:
    now = int(time.time())
    content = {"iss": URL, "sub": "ana", "aud": AUDIENCE, "iat": now, "exp": now + 300, **claims}
    content.pop(without, None)
    return jwt.encode(content, private, algorithm=algorithm, headers={"kid": "k1", **(headers or {})})


class FakeIssuer:
    """Answers like an issuer. `fail` is raised by the next fetches."""

    def __init__(self, *keys: dict[str, Any], url: str = URL) -> None:
        self.keys = list(keys) or [public_key(RSA_KEY)]
        self.url = url
        self.jwks_uri = f"{URL}/keys"
        self.fetched: list[str] = []
        self.fail: Exception | None = None

    def fetch(self, url: str) -> bytes:
        self.fetched.append(url)
        if self.fail:
            raise self.fail
        if url.endswith("/.well-known/openid-configuration"):
            return json.dumps({"issuer": self.url, "jwks_uri": self.jwks_uri, "other": 1}).encode()
        return json.dumps({"keys": self.keys}).encode()
