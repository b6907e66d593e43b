"""
A small OpenID Connect provider on loopback: the authorization code flow with PKCE, and tokens signed with RS256.

Its sign-in page has a link for each user. As Cognito's, its discovery document doesn't name PKCE.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID, CLIENT_SECRET = "web-ui", "client-secret"
USERS = ("ana", "ben")


class FakeIssuer:
    """`lifetime` is that of the tokens in seconds; `tokens` are all that were issued, with their users."""

    def __init__(self) -> None:
        self.lifetime = 3600.0
        self.tokens: list[tuple[str, str]] = []
        self.refused: list[str] = []
        self.signed_out = 0
        self._codes: dict[str, tuple[str, dict[str, str]]] = {}
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def authorize(self, query: dict[str, str]) -> tuple[int, str, dict[str, str]]:
        """The sign-in page, or the redirect after a user was chosen there."""
        if query.get("code_challenge_method") != "S256" or not query.get("code_challenge"):
            return 400, "PKCE is required", {}
        if "user" not in query:
            links = "".join(f'<p><a href="?{urlencode({**query, "user": user})}">{user}</a></p>' for user in USERS)
            return 200, f"<html><body>{links.replace('&', '&amp;')}</body></html>", {"Content-Type": "text/html"}
        code = secrets.token_urlsafe(8)
        self._codes[code] = query["user"], query
        answer = urlencode({"code": code, "state": query["state"]})
        return 302, "", {"Location": f"{query['redirect_uri']}?{answer}"}

    def exchange(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """The tokens for a code, which works once and only with its verifier."""
        user, query = self._codes.pop(form.get("code", ""), ("", {}))
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        client = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if not user or challenge != query["code_challenge"] or authorization != f"Basic {client}":
            self.refused.append(form.get("code_verifier", ""))
            return 400, {"error": "invalid_grant"}
        token = self._sign(user, query.get("nonce"))
        self.tokens.append((user, token))
        return 200, {"access_token": "opaque", "id_token": token, "token_type": "Bearer", "expires_in": 3600}

    def _sign(self, user: str, nonce: str | None) -> str:
        now = time.time()
        claims = {
            "iss": self.url, "sub": user, "aud": CLIENT_ID, "iat": now, "exp": now + self.lifetime, "nonce": nonce,
            "email": f"{user}@example.com", "jti": secrets.token_hex(8),
            # As long as tokens with many groups: Streamlit's cookie is split.
            "groups": [secrets.token_hex(16) for _ in range(60)],
        }  # fmt: skip
        return jwt.encode(claims, self._key, "RS256", headers={"kid": "1"})

    def documents(self) -> dict[str, Any]:
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
        return {
            "/.well-known/openid-configuration": {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
                "end_session_endpoint": f"{self.url}/logout",
                "id_token_signing_alg_values_supported": ["RS256"],
            },
            "/keys": {"keys": [{**key, "kid": "1", "alg": "RS256", "use": "sig"}]},
        }

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = _flat(parts.query)
                if parts.path == "/authorize":
                    self._send(*issuer.authorize(query))
                elif parts.path == "/logout":
                    issuer.signed_out += 1
                    self._send(302, "", {"Location": query["post_logout_redirect_uri"]})
                else:
                    self._send(200, json.dumps(issuer.documents()[parts.path]), {"Content-Type": "application/json"})

            def do_POST(self) -> None:
                form = _flat(self.rfile.read(int(self.headers["Content-Length"])).decode())
                status, body = issuer.exchange(form, self.headers.get("Authorization", ""))
                self._send(status, json.dumps(body), {"Content-Type": "application/json"})

            def _send(self, status: int, body: str, headers: dict[str, str]) -> None:
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body.encode()))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *arguments: Any) -> None:
                """Logs nothing."""

        return Handler


def _flat(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query).items()}
