"""A small OpenID provider on this machine: discovery, authorization code with PKCE, keys."""

from __future__ import annotations

import base64
import http.server
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT, SECRET = "assessor", "a secret: of both"


def new_key() -> RSAKey:
    """A key of its own."""
    return RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "use": "sig", "alg": "RS256"})


@dataclass
class OpenId:
    """What the provider says; a test changes it to have it lie.

    Attributes:
        person: claims of whoever signs in next.
        claims: put over those of the ID token; None takes one away.
        metadata: put over those of the discovery document.
        key: signs; the published keys are `keys`.
    """

    issuer: str
    key: RSAKey = field(default_factory=new_key)
    keys: list[RSAKey] = field(default_factory=list)
    person: dict[str, Any] = field(
        default_factory=lambda: {
            "sub": "p1",
            "email": "ada@example.org",
            "email_verified": True,
            "name": "Ada",
        }
    )
    claims: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    raw_token: str | None = None
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "id_token_signing_alg_values_supported": ["RS256"],
        } | self.metadata

    def consent(self, url: str) -> dict[str, str]:
        """What a browser brings back when its person agrees to what this address asks for."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert url.startswith(f"{self.issuer}/authorize?")
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT
        assert "openid" in query["scope"].split()
        assert query["code_challenge_method"] == "S256"
        self.asked.append(query)
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        return {"code": code, "state": query["state"], "iss": self.issuer}

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """The token endpoint."""
        user, _, password = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        if (unquote(user), unquote(password)) != (CLIENT, SECRET):
            return 401, {"error": "invalid_client"}
        query = self.codes.pop(form.get("code", ""), None)
        if (
            query is None
            or form.get("redirect_uri") != query["redirect_uri"]
            or create_s256_code_challenge(form.get("code_verifier", "")) != query["code_challenge"]
        ):
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 60,
            "nonce": query["nonce"],
        }
        claims = {
            name: value for name, value in (claims | self.person | self.claims).items() if value is not None
        }
        signed = jwt.encode({"alg": "RS256", "kid": self.key.kid} | self.header, claims, self.key)
        return 200, {"access_token": "a", "token_type": "Bearer", "id_token": self.raw_token or signed}


@contextmanager
def provider() -> Iterator[OpenId]:
    """One that answers until the block ends."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None: ...

        def tell(self, status: int, values: Any) -> None:
            body = json.dumps(values).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            if self.path == "/.well-known/openid-configuration":
                self.tell(200, found.discovery())
            elif self.path == "/keys":
                keys = KeySet(list(found.keys or [found.key]))
                self.tell(200, keys.as_dict(private=False))
            else:
                self.tell(404, {})

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            first = {name: values[0] for name, values in form.items()}
            self.tell(*found.token(first, self.headers.get("Authorization", "")))

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found = OpenId(issuer=f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()
