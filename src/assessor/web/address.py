"""Where browsers reach the application: its origin, and the names that it goes by."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from assessor import settings
from assessor.errors import SettingInvalid
from assessor.settings import Settings

#: Names under which this machine reaches itself.
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
#: Names of every address that it has.
_EVERY = frozenset({"0.0.0.0", "::"})  # noqa: S104  what is compared with, not listened on


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where browsers reach the application.

    Attributes:
        url: scheme, host and port; no slash at its end.
        hosts: values of the Host header that it goes by, lower case.
    """

    url: str
    hosts: frozenset[str]

    @property
    def secure(self) -> bool:
        """Whether browsers reach it over TLS."""
        return self.url.startswith("https:")

    def origin(self, host: str) -> str:
        """The origin of pages that were asked for under this name."""
        return f"{'https' if self.secure else 'http'}://{host}"


def site(config: Settings) -> Site:
    """Where browsers reach the application, by its settings.

    Raises:
        SettingInvalid: ASSESSOR_WEB_URL is no origin, or is missing where every address is listened on.
    """
    host, port = config.web
    if config.web_url is None and host in _EVERY:
        raise SettingInvalid(
            f"ASSESSOR_WEB_URL: expected the address that browsers are to use, such as "
            f"http://learn.example.org:{port}, since {settings.shown(config.web)} is every address of this "
            "machine; got none"
        )
    if config.web_url is None:
        names = {host} | (_LOOPBACK if host in _LOOPBACK else frozenset())
        hosts = frozenset(settings.shown((name, port)) for name in names)
        return Site(url=f"http://{settings.shown((host, port))}", hosts=hosts)
    try:
        parsed = urlsplit(config.web_url)
        given = parsed.port
    except ValueError:
        raise _no_origin(config.web_url) from None
    if (
        parsed.scheme not in ("http", "https")
        or not parsed.hostname
        or "@" in parsed.netloc
        or parsed.path not in ("", "/")
        or parsed.query
        or parsed.fragment
    ):
        raise _no_origin(config.web_url)
    name = f"[{parsed.hostname}]" if ":" in parsed.hostname else parsed.hostname
    default = 443 if parsed.scheme == "https" else 80
    bare = given is None or given == default
    shown = name if bare else f"{name}:{given}"
    # Whoever looks at it from this very machine, past the proxy, is let in too.
    inside = {settings.shown((one, port)) for one in _LOOPBACK} if parsed.scheme == "http" else set()
    return Site(
        url=f"{parsed.scheme}://{shown}",
        hosts=frozenset({shown, f"{name}:{default}" if bare else shown} | inside),
    )


def _no_origin(text: str) -> SettingInvalid:
    return SettingInvalid(
        "ASSESSOR_WEB_URL (or ASSESSOR_PUBLIC_URL): expected scheme, host and perhaps a port, such as "
        f"https://assessor.example.org, got {text!r}"
    )
