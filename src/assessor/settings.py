"""Settings: one frozen value, read from the environment at the edges only.

Every setting has a flag of the command line's main group or an `ASSESSOR_` variable of the same name.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from assessor.errors import SettingInvalid
from assessor.waiting import Rate

#: How often a learner may hand in unless told otherwise.
RATE = Rate(count=60, per_s=600)

#: How much one visitor of the web may read unless told otherwise.
WEB_RATE = Rate(count=1200, per_s=60)

#: The longest passphrase. Source: OpenSSL reads no longer one (PEM_BUFSIZE).
_SECRET_BYTES = 1024


class SandboxKind(StrEnum):
    """Where attempts run."""

    DOCKER = "docker"  #: two locked containers an attempt
    UNSAFE_LOCAL = "unsafe_local"  #: plain processes, for authors without an engine; backs no award


class LogFormat(StrEnum):
    """How log lines look."""

    CONSOLE = "console"
    JSON = "json"


@dataclass(frozen=True, kw_only=True)
class Oidc:
    """An OpenID provider that people may sign in with.

    Attributes:
        issuer: its URL, as its discovery document spells it.
        client_id: what it calls this installation.
        client_secret: a secret, never shown.
        name: what people call it, for the button.
        domains: domains of e-mail addresses whose people get an account by signing in, `*` for all; others
            need an account first.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    name: str = "single sign-on"
    domains: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All that an installation can be told.

    Attributes:
        home: folder of everything the installation keeps (database, blobs, keys, queue, evidence pages).
        catalog: folder that holds `tasks/`, `rubrics/` and `sandboxes/`.
        database_url: SQLAlchemy URL.
        blobs_url: folder or object-store URL.
        redis_url: Redis-protocol server, or None for the embedded one.
        sandbox: where attempts run.
        runtime: the engine's runtime.
        warm: sandboxes that each worker keeps waiting for work; 0 starts one for each run.
        workers: worker processes of `assessor up`.
        lease_s: how long a worker may be silent before its attempt is given to another, seconds.
        sweep_s: time between two sweeps, seconds.
        rate: how often a learner may hand in, or None for any number.
        starve_s: how long an attempt waits before it goes first whatever its class, seconds.
        log_format: how log lines look.
        least_disk_mib: free disk below which workers take nothing, MiB.
        least_memory_mib: available memory below which workers take nothing, MiB.
        slow_engine_s: how long the engine may take for an answer before workers take nothing, seconds.
        health: host and port where `assessor up` answers `GET /health`, or None: nowhere.
        engine_key: a key (PEM) or the URL of one, in place of the engine's file; a secret, never shown.
        issuer_key: the same of the issuer's key.
        log_key: the same of the log's key.
        key_passphrase: what the key files are encrypted with, or None; a secret, never shown.
        public_url: where a trial without `issuer.yaml` would be published, or None.
        site: folder in which the sweep publishes what others see, or None: by `assessor publish` alone.
        web: host and port of the web application.
        web_url: where browsers reach it, an origin, or None: at `web` itself.
        web_rate: how many requests one visitor may make, or None for any number.
        trusted_proxies: addresses or networks of the proxies whose word on a client's address is taken.
        upload_mib: the largest upload, MiB.
        oidc: the provider that people may sign in with, or None.
        git_hosts: hosts that work may be fetched from by git, with their port where it is not 443; none: no
            work is.
    """

    home: Path
    catalog: Path
    database_url: str
    blobs_url: str
    redis_url: str | None = None
    sandbox: SandboxKind = SandboxKind.DOCKER
    runtime: str = "runc"
    warm: int = 2
    workers: int = 2
    lease_s: int = 12
    sweep_s: float = 3.0
    rate: Rate | None = RATE
    starve_s: int = 600
    log_format: LogFormat = LogFormat.CONSOLE
    least_disk_mib: int = 512
    least_memory_mib: int = 768
    slow_engine_s: float = 5.0
    health: tuple[str, int] | None = None
    engine_key: str | None = field(default=None, repr=False)
    issuer_key: str | None = field(default=None, repr=False)
    log_key: str | None = field(default=None, repr=False)
    key_passphrase: str | None = field(default=None, repr=False)
    public_url: str | None = None
    site: Path | None = None
    web: tuple[str, int] = ("127.0.0.1", 8080)
    web_url: str | None = None
    web_rate: Rate | None = WEB_RATE
    trusted_proxies: tuple[str, ...] = ()
    upload_mib: int = 64
    oidc: Oidc | None = None
    git_hosts: tuple[str, ...] = ()

    @property
    def spool(self) -> Path:
        """Where uploads are checked before anything of them is kept."""
        return self.home / "spool"

    @property
    def keys(self) -> Path:
        """The folder of the signing keys."""
        return self.home / "keys"

    @property
    def evidence(self) -> Path:
        """Where evidence pages are published."""
        return self.home / "evidence"


def read(
    environ: Mapping[str, str] = os.environ, *, home: Path | None = None, catalog: Path | None = None
) -> Settings:
    """The settings that the environment asks for.

    Args:
        environ: the environment.
        home: overrides `ASSESSOR_HOME`.
        catalog: overrides `ASSESSOR_CATALOG`.

    Raises:
        SettingInvalid: a variable holds what it cannot mean; the text names the variable.
    """
    base = (home or Path(environ.get("ASSESSOR_HOME") or ".assessor")).absolute()
    root = (catalog or Path(environ.get("ASSESSOR_CATALOG") or ".")).absolute()
    return Settings(
        home=base,
        catalog=root,
        database_url=environ.get("ASSESSOR_DATABASE_URL") or f"sqlite:///{base / 'assessor.db'}",
        blobs_url=environ.get("ASSESSOR_BLOBS_URL") or str(base / "blobs"),
        redis_url=environ.get("ASSESSOR_REDIS_URL") or None,
        sandbox=_choice(SandboxKind, environ, "ASSESSOR_SANDBOX", SandboxKind.DOCKER),
        runtime=environ.get("ASSESSOR_RUNTIME") or "runc",
        warm=_whole(environ, "ASSESSOR_WARM", 2, least=0, most=64),
        workers=_whole(environ, "ASSESSOR_WORKERS", os.cpu_count() or 1, least=1, most=256),
        lease_s=_whole(environ, "ASSESSOR_LEASE_S", 12, least=2, most=3600),
        sweep_s=_number(environ, "ASSESSOR_SWEEP_S", 3.0, least=0.1, most=20),
        rate=_rate(environ, "ASSESSOR_RATE", RATE),
        starve_s=_whole(environ, "ASSESSOR_STARVE_S", 600, least=1, most=7 * 24 * 3600),
        log_format=_choice(LogFormat, environ, "ASSESSOR_LOG_FORMAT", LogFormat.CONSOLE),
        least_disk_mib=_whole(environ, "ASSESSOR_LEAST_DISK_MIB", 512, least=1, most=1024**2),
        least_memory_mib=_whole(environ, "ASSESSOR_LEAST_MEMORY_MIB", 768, least=1, most=1024**2),
        slow_engine_s=_number(environ, "ASSESSOR_SLOW_ENGINE_S", 5.0, least=0.1, most=60),
        health=address(environ["ASSESSOR_HEALTH"], name="ASSESSOR_HEALTH")
        if environ.get("ASSESSOR_HEALTH")
        else None,
        engine_key=environ.get("ASSESSOR_ENGINE_KEY") or None,
        issuer_key=environ.get("ASSESSOR_ISSUER_KEY") or None,
        log_key=environ.get("ASSESSOR_LOG_KEY") or None,
        key_passphrase=_secret(environ, "ASSESSOR_KEY_PASSPHRASE"),
        public_url=environ.get("ASSESSOR_PUBLIC_URL") or None,
        site=Path(environ["ASSESSOR_SITE"]).absolute() if environ.get("ASSESSOR_SITE") else None,
        web=address(environ.get("ASSESSOR_WEB") or "127.0.0.1:8080", name="ASSESSOR_WEB"),
        web_url=environ.get("ASSESSOR_WEB_URL") or environ.get("ASSESSOR_PUBLIC_URL") or None,
        web_rate=_rate(environ, "ASSESSOR_WEB_RATE", WEB_RATE, "requests"),
        trusted_proxies=_proxies(environ, "ASSESSOR_TRUSTED_PROXIES"),
        upload_mib=_whole(environ, "ASSESSOR_UPLOAD_MIB", 64, least=1, most=4096),
        oidc=_oidc(environ),
        git_hosts=tuple(one.casefold() for one in _list(environ, "ASSESSOR_GIT_HOSTS")),
    )


def passphrase(path: Path, *, name: str) -> str:
    """The passphrase in a file: its text, without the newline at its end.

    Args:
        path: the file.
        name: the setting or flag that it was given by.

    Raises:
        SettingInvalid: it cannot be read, is empty, or is no line of text.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_SECRET_BYTES + 1).decode().removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingInvalid(f"{name}: expected a file that holds a passphrase, got: {error}") from None
    if not text or len(text) > _SECRET_BYTES or "\n" in text:
        raise SettingInvalid(
            f"{name}: expected a file of one line, the passphrase, of at most {_SECRET_BYTES} bytes, "
            f"got {len(text)} characters in {text.count(chr(10)) + 1 if text else 0} lines"
        )
    return text


def address(text: str, *, name: str) -> tuple[str, int]:
    """Host and port in `HOST:PORT`; an IPv6 address stands in brackets.

    Args:
        text: what was given.
        name: the setting or flag that it was given by.

    Raises:
        SettingInvalid: it is none.
    """
    host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        host = ""
    if not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
        raise SettingInvalid(f"{name}: expected HOST:PORT such as 127.0.0.1:8080, got {text!r}")
    return host, int(port)


def shown(pair: tuple[str, int]) -> str:
    """`HOST:PORT`, as `address` reads it."""
    host, port = pair
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _secret(environ: Mapping[str, str], name: str) -> str | None:
    value, file = environ.get(name) or None, environ.get(f"{name}_FILE")
    if not file:
        return value
    if value is not None:
        raise SettingInvalid(f"{name}: expected it or {name}_FILE, got both")
    return passphrase(Path(file), name=f"{name}_FILE")


def _list(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in environ.get(name, "").split(",") if one.strip())


def _proxies(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    found = _list(environ, name)
    for one in found:
        # What serves takes `*` for everybody, so that anybody names the address that is counted, and anything
        # else that is no address for a name that none has.
        try:
            ipaddress.ip_network(one)
        except ValueError as error:
            raise SettingInvalid(
                f"{name}: expected addresses or networks such as 127.0.0.1 or 10.0.0.0/8, "
                f"got {one!r}: {error}"
            ) from error
    return found


def _oidc(environ: Mapping[str, str]) -> Oidc | None:
    given = {
        "ASSESSOR_OIDC_ISSUER": environ.get("ASSESSOR_OIDC_ISSUER"),
        "ASSESSOR_OIDC_CLIENT_ID": environ.get("ASSESSOR_OIDC_CLIENT_ID"),
        "ASSESSOR_OIDC_CLIENT_SECRET": _secret(environ, "ASSESSOR_OIDC_CLIENT_SECRET"),
    }
    if not any(given.values()):
        return None
    missing = [name for name, value in given.items() if not value]
    if missing:
        raise SettingInvalid(f"{', '.join(missing)}: expected all three of OIDC or none, got none of these")
    issuer, client_id, client_secret = (value or "" for value in given.values())
    if not re.match(r"https://|http://(localhost|127\.0\.0\.1|\[::1\])(:|/|$)", issuer):
        raise SettingInvalid(f"ASSESSOR_OIDC_ISSUER: expected an https address, got {issuer!r}")
    return Oidc(
        issuer=issuer,
        client_id=client_id,
        client_secret=client_secret,
        name=environ.get("ASSESSOR_OIDC_NAME") or "single sign-on",
        domains=tuple(one.casefold() for one in _list(environ, "ASSESSOR_OIDC_DOMAINS")),
    )


T = TypeVar("T", bound=StrEnum)


def _choice(kind: type[T], environ: Mapping[str, str], name: str, default: T) -> T:
    value = environ.get(name)
    if not value:
        return default
    try:
        return kind(value)
    except ValueError:
        raise SettingInvalid(f"{name}: expected one of {', '.join(kind)}, got {value!r}") from None


def _rate(environ: Mapping[str, str], name: str, default: Rate, what: str = "submissions") -> Rate | None:
    value = environ.get(name)
    if not value:
        return default
    if value == "none":
        return None
    form = re.fullmatch(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,5})([smhd])", value, re.ASCII)
    if form is None:
        raise SettingInvalid(
            f"{name}: expected {what} and a time, such as 60/10m (s, m, h or d), or none, got {value!r}"
        )
    count, number, unit = form.groups()
    return Rate(count=int(count), per_s=int(number) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit])


def _whole(environ: Mapping[str, str], name: str, default: int, *, least: int, most: int) -> int:
    number = _number(environ, name, default, least=least, most=most)
    if number != int(number):
        raise SettingInvalid(f"{name}: expected a whole number, got {environ[name]!r}")
    return int(number)


def _number(environ: Mapping[str, str], name: str, default: float, *, least: float, most: float) -> float:
    value = environ.get(name)
    if not value:
        return default
    try:
        number = float(value)
    except ValueError:
        raise SettingInvalid(f"{name}: expected a number, got {value!r}") from None
    if not least <= number <= most:
        raise SettingInvalid(f"{name}: expected {least:.7g} to {most:.7g}, got {value}")
    return number
