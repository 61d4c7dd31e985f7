"""Signing in with an OpenID provider: authorization code with PKCE, state and nonce.

Comes in: a provider's address, and the answer that a browser brings back from it. Goes out: `Person`, whose
address the provider has verified. Who that is here is left to `signin`.

What is between leaving and coming back is in a cookie of the browser that left, so that nobody can finish
what somebody else began. Nothing is asked of the provider before the first person wants to sign in, and a
provider that is away keeps nobody out who has a password.

Source: OpenID Connect Core 1.0, 3.1; RFC 7636 (PKCE), RFC 9207 (`iss` in the answer), RFC 9700 (4.4: mix-up).
"""

from __future__ import annotations

import hmac
import json
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import pydantic
import requests
import structlog
import urllib3
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from assessor.errors import Fault, SignInRefused
from assessor.settings import Oidc

log = structlog.get_logger(__name__)

#: How long the provider may take for an answer, seconds.
PATIENCE_S = 5.0
#: How long nobody waits for a provider that gave no answer, seconds: each who does keeps one of the threads
#: that answer everybody.
SILENT_S = 10.0
#: The largest answer of it, bytes.
ANSWER_BYTES = 256 * 1024
#: How wrong its clock may be, seconds.
LEEWAY_S = 60
#: Signatures that are taken; never `none`, and never one by a secret that both know.
ALGORITHMS = ["RS256", "ES256", "EdDSA", "Ed25519", "PS256"]


class ProviderAway(Fault):
    """The provider did not answer, or not as it must."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """Who signed in at the provider.

    Attributes:
        issuer, subject: what they are known by, for good.
        email: an address that the provider has verified.
        name: what to call them.
    """

    issuer: str
    subject: str
    email: str
    name: str


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config={"strict": True, "extra": "forbid"})
class Leaving:
    """What a browser keeps while it is at the provider's.

    Attributes:
        state, nonce, verifier: secrets of this one time.
        next: the path to go to afterwards.
        link: id of the user who is signed in and wants to be known by the provider too, or empty.
    """

    state: str
    nonce: str
    verifier: str
    next: str
    link: str = ""

    def dump(self) -> str:
        """As the value of a cookie."""
        return json.dumps(asdict(self)).encode().hex()

    @classmethod
    def load(cls, text: str) -> Leaving:
        """Back from the value of a cookie.

        Raises:
            SignInRefused: it is none.
        """
        try:
            return _LEAVING.validate_json(bytes.fromhex(text))
        except ValueError:
            raise SignInRefused(
                "expected a sign-in that was begun in this browser, got none: please begin again"
            ) from None


_LEAVING = pydantic.TypeAdapter(Leaving)


class Provider:
    """An OpenID provider; threads may share it.

    Args:
        config: its address and what it calls us.
        redirect_uri: where it sends browsers back to.
        timer: seconds that only go forward.
    """

    def __init__(
        self, config: Oidc, *, redirect_uri: str, timer: Callable[[], float] = time.monotonic
    ) -> None:
        self.config = config
        self._timer = timer
        self._silent_until = -math.inf
        self._redirect_uri = redirect_uri
        self._lock = threading.Lock()
        self._metadata: dict[str, Any] | None = None
        self._keys: KeySet | None = None

    def leave(self, leaving: Leaving) -> str:
        """The address at the provider that a browser is sent to.

        Raises:
            ProviderAway: it does not say where.
        """
        endpoint = self._endpoint("authorization_endpoint")
        with self._client() as client:
            url, _ = client.create_authorization_url(
                endpoint, state=leaving.state, code_verifier=leaving.verifier, nonce=leaving.nonce
            )
        return str(url)

    def arrive(self, leaving: Leaving, answer: Mapping[str, str]) -> Person:
        """Who came back.

        Args:
            leaving: what the browser kept.
            answer: the query that it brought.

        Raises:
            SignInRefused: the provider refused, or its answer does not hold, or it has not verified the
                person's address.
            ProviderAway: it does not answer.
        """
        if not hmac.compare_digest(leaving.state.encode(), answer.get("state", "").encode()):
            raise _refused("state")
        if answer.get("iss", self.config.issuer) != self.config.issuer:
            raise _refused("iss")
        if "error" in answer or not answer.get("code"):
            log.info("a sign-in ended at the provider", error=answer.get("error", "")[:100])
            raise SignInRefused(f"expected {self.config.name} to let you in, it did not")
        endpoint = self._endpoint("token_endpoint")
        try:
            with self._answering(), self._client() as client:
                got = client.fetch_token(
                    endpoint,
                    code=answer["code"],
                    code_verifier=leaving.verifier,
                    timeout=PATIENCE_S,
                    allow_redirects=False,
                )
        except AuthlibBaseError as error:
            log.info("a code was refused by the provider", error=str(error)[:200])
            raise _refused("code") from error
        except (requests.RequestException, ValueError) as error:
            raise ProviderAway(f"OpenID provider {self.config.issuer}: no token: {error}") from error
        token = got.get("id_token")
        if not isinstance(token, str):
            raise _refused("id_token")
        return self._person(self._claims(token, leaving.nonce))

    def _claims(self, token: str, nonce: str) -> Mapping[str, Any]:
        try:
            try:
                found = jwt.decode(token, self._key_set(), algorithms=ALGORITHMS)
            except (JoseError, ValueError):
                # The provider may have new keys since; once, and then it is the token's fault.
                found = jwt.decode(token, self._key_set(anew=True), algorithms=ALGORITHMS)
            jwt.JWTClaimsRegistry(
                leeway=LEEWAY_S,
                iss={"essential": True, "value": self.config.issuer},
                aud={"essential": True, "value": self.config.client_id},
                exp={"essential": True},
                iat={"essential": True},
                sub={"essential": True},
                nonce={"essential": True, "value": nonce},
            ).validate(found.claims)
        except (JoseError, ValueError) as error:
            log.warning("a provider's ID token does not hold", error=str(error)[:200])
            raise _refused("id_token") from error
        claims = found.claims
        # Source: OpenID Connect Core 1.0, 3.1.3.7, 4 and 5.
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if (several or "azp" in claims) and claims.get("azp") != self.config.client_id:
            raise _refused("azp")
        return claims

    def _person(self, claims: Mapping[str, Any]) -> Person:
        subject, email, name = claims["sub"], claims.get("email"), claims.get("name")
        if not isinstance(subject, str) or not 1 <= len(subject) <= 255:
            raise _refused("sub")
        if not isinstance(email, str) or claims.get("email_verified") is not True:
            raise SignInRefused(f"expected an e-mail address that {self.config.name} has verified, got none")
        return Person(
            issuer=self.config.issuer,
            subject=subject,
            email=email,
            name=name.strip()[:200] if isinstance(name, str) and name.strip() else email.partition("@")[0],
        )

    def _client(self) -> OAuth2Session:
        return OAuth2Session(
            client_id=self.config.client_id,
            client_secret=self.config.client_secret,
            scope="openid email profile",
            redirect_uri=self._redirect_uri,
            code_challenge_method="S256",
        )

    def _endpoint(self, name: str) -> str:
        with self._lock:
            if self._metadata is None:
                # Source: OpenID Connect Discovery 1.0, 4.1 and 4.3.
                found = self._get(self.config.issuer.rstrip("/") + "/.well-known/openid-configuration")
                if found.get("issuer") != self.config.issuer:
                    raise ProviderAway(
                        f"OpenID provider: expected it to call itself {self.config.issuer}, "
                        f"got {str(found.get('issuer'))[:200]!r}"
                    )
                self._metadata = found
            url = self._metadata.get(name)
        if not isinstance(url, str) or not _safe(url, like=self.config.issuer):
            raise ProviderAway(f"OpenID provider {self.config.issuer}: expected an https {name}, got {url!r}")
        return url

    def _key_set(self, *, anew: bool = False) -> KeySet:
        url = self._endpoint("jwks_uri")
        with self._lock:
            if self._keys is None or anew:
                self._keys = KeySet.import_key_set(self._get(url))  # type: ignore[arg-type]
            return self._keys

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """For what waits for the provider: not again at once where it gave no answer."""
        if self._timer() < self._silent_until:
            raise ProviderAway(f"OpenID provider {self.config.issuer}: gave no answer a moment ago")
        try:
            yield
        except (requests.ConnectionError, requests.Timeout):
            self._silent_until = self._timer() + SILENT_S
            raise

    def _get(self, url: str) -> dict[str, Any]:
        try:
            with (
                self._answering(),
                requests.get(
                    url,
                    headers={"Accept": "application/json"},
                    timeout=PATIENCE_S,
                    allow_redirects=False,
                    stream=True,
                ) as answer,
            ):
                answer.raise_for_status()
                # What is cut off parses no more.
                body = answer.raw.read(ANSWER_BYTES, decode_content=True)
            found = json.loads(body)
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
            raise ProviderAway(f"OpenID provider: {url}: {error}") from error
        if not isinstance(found, dict):
            raise ProviderAway(f"OpenID provider: {url}: expected an object, got {type(found).__name__}")
        return found


def _safe(url: str, *, like: str) -> bool:
    """Whether secrets may be sent there: over TLS, or to this machine where the provider is on it."""
    return url.startswith("https://") or (like.startswith("http://") and url.startswith("http://"))


def _refused(what: str) -> SignInRefused:
    return SignInRefused(
        f"expected an answer of the provider that holds, got one whose {what} does not: please begin again"
    )
