"""Git: the files of a repository at an address that a learner gave, for intake to take in.

Comes in: an address, and the hosts that this installation allows; without any, nothing is fetched. Goes out:
a tar. What is fetched is decided here, before git runs and again by git itself:

1. The address: https, an allowed host, its usual port, no name or password, nothing that git could take for
   an option.
2. The host: looked up once, every address of it one of the public internet, and git is bound to these very
   addresses (a name that is looked up again could have moved to 127.0.0.1 meanwhile).
3. git: no redirects, no other protocol, no submodules, no hooks, no settings of this machine, no questions,
   one commit, within a time and a size.
4. The tar: made from what was fetched, without checking anything out; intake reads it as any other.

Source: git-config(1), `protocol.allow`, `http.followRedirects`, `http.curloptResolve`.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from assessor.errors import UploadRefused
from assessor.openbadges.remote import Address, is_public, look_up

#: How long fetching and packing may take each, seconds, and the largest file that git may write, bytes.
FETCH_S = 60.0
MOST_BYTES = 64 * 1024**2
#: The most memory that git may have, KiB.
MEMORY_KIB = 1024**2
#: The longest address, characters.
LONGEST = 500

#: A shell that sets limits (blocks of 512 bytes; KiB) and becomes what follows.
_LIMITED = ("/bin/sh", "-c", 'ulimit -f "$1" && ulimit -v "$2" && shift 2 && exec "$@"', "sh")

_PATH = re.compile(r"(/[A-Za-z0-9_~.+-]+)+/?")


def fetch(
    url: str,
    *,
    hosts: Collection[str],
    folder: Path,
    resolve: Callable[[str, int], tuple[Address, ...]] = look_up,
    public: Callable[[Address], bool] = is_public,
    settings: Mapping[str, str] | None = None,
    within_s: float = FETCH_S,
    most_bytes: int = MOST_BYTES,
) -> Path:
    """A tar of the newest commit of a repository's default branch.

    Args:
        url: as the learner wrote it.
        hosts: names of hosts that may be fetched from, with their port where it is not 443.
        folder: where git may work.
        resolve: the look-up of names.
        public: which addresses may be reached.
        settings: of git, beside those that are set here.
        within_s: how long it may take, seconds.
        most_bytes: the largest file that git may write.

    Raises:
        UploadRefused: the address may not be fetched, or what is there cannot be; or there is no git here.
    """
    # 1.
    host, port = check(url, hosts)
    # 2.
    try:
        found = resolve(host, port)
    except (OSError, UnicodeError) as error:
        raise UploadRefused(f"git: expected an address for {host}, got none") from error
    inside = [one for one in found if not public(one)]
    if inside or not found:
        raise UploadRefused(f"git: expected a host of the public internet, {host} is none")
    # 3.
    pinned = ",".join(f"[{one}]" if one.version == 6 else str(one) for one in found)
    options = {
        "protocol.allow": "never",
        "protocol.https.allow": "always",
        "http.followRedirects": "false",
        "http.curloptResolve": f"{host}:{port}:{pinned}",
        "http.proxy": "",
        "http.lowSpeedLimit": "1000",
        "http.lowSpeedTime": "15",
        "credential.helper": "",
        "core.hooksPath": os.devnull,
        "core.fsmonitor": "false",
        "submodule.recurse": "false",
        "transfer.fsckObjects": "true",
        "transfer.bundleURI": "false",
        # One pack, so that the size of one file is the size of all; large objects are never held in memory.
        "transfer.unpackLimit": "1",
        "core.bigFileThreshold": "8m",
        "gc.auto": "0",
        **(settings or {}),
    }
    repository, target = folder / "repository.git", folder / "repository.tar"
    clone = ["clone", "--quiet", "--bare", "--depth=1", "--no-tags", "--template=", "--", url]
    _git([*clone, str(repository)], options, folder, within_s, most_bytes)
    # 4.
    pack = ["--git-dir", str(repository), "archive", "--format=tar", f"--output={target}", "HEAD"]
    _git(pack, options, folder, within_s, most_bytes)
    return target


def check(url: str, hosts: Collection[str]) -> tuple[str, int]:
    """Host and port of an address that may be fetched.

    Raises:
        UploadRefused: it may not.
    """
    if not hosts:
        raise UploadRefused("git: expected files, this installation fetches from no repository")
    if len(url) > LONGEST or not url.isascii() or not url.isprintable() or " " in url:
        raise UploadRefused(f"git: expected an https address of at most {LONGEST} characters, got another")
    try:
        parts = urlsplit(url)
        port = parts.port or 443
    except ValueError as error:
        raise UploadRefused("git: expected an https address, got none that can be read") from error
    if parts.scheme != "https" or not parts.hostname or not url.startswith("https://"):
        raise UploadRefused("git: expected an address that starts with https://, got another")
    if parts.username is not None or parts.password is not None:
        raise UploadRefused("git: expected an address without a name and password, got one with")
    named = parts.hostname if port == 443 else f"{parts.hostname}:{port}"
    if named not in hosts:
        raise UploadRefused(f"git: expected a host among {', '.join(sorted(hosts))}, got {named}")
    if parts.query or parts.fragment or not _PATH.fullmatch(parts.path) or ".." in parts.path:
        raise UploadRefused("git: expected the address of a repository, got something behind it")
    return parts.hostname, port


def _git(
    arguments: Sequence[str], options: Mapping[str, str], folder: Path, within_s: float, most_bytes: int
) -> None:
    flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    environ = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "LC_ALL": "C.UTF-8",
    }

    if shutil.which("git") is None:
        raise UploadRefused("git: expected git on this machine, there is none: hand in files")
    # A group of its own: what git starts ends with it.
    running = subprocess.Popen(
        [*_LIMITED, str(most_bytes // 512), str(MEMORY_KIB), "git", *flags, *arguments],
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        _, said = running.communicate(timeout=within_s)
    except subprocess.TimeoutExpired as error:
        raise UploadRefused(f"git: expected the repository within {within_s:g} s, got none") from error
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
            running.communicate()
    if running.returncode != 0:
        raise UploadRefused(f"git: expected a repository that can be read, got: {_why(said)}")


def _why(said: bytes) -> str:
    """What git said, as far as it is the learner's: no address that a name leads to, no path of ours."""
    text = said.decode(errors="replace")
    known = {
        "not found": "no repository at this address",
        "could not read Username": "one that is not public",
        "returned error: 30": "a redirect; give the address that it leads to",
        "File too large": "one that is too large",
        "SIGXFSZ": "one that is too large",
        "not a valid object name": "an empty one",
        "empty repository": "an empty one",
    }
    return next(
        (words for mark, words in known.items() if mark.lower() in text.lower()), "no answer of git's"
    )
