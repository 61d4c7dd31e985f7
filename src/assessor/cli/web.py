"""The command line's part for the web: the web process alone, or everything on one machine."""

from __future__ import annotations

import contextlib
import secrets
import threading
from dataclasses import replace
from datetime import timedelta

import click
from rich.console import Console

from assessor import settings, wiring
from assessor.cli import operate
from assessor.errors import AccountRefused
from assessor.parts import Parts
from assessor.rows import sessions
from assessor.rows.audit import Act
from assessor.rows.learnerrows import Seed
from assessor.rows.users import Role
from assessor.settings import Settings

#: How long the first admin's link holds.
LINK = timedelta(hours=24)

#: The first admin's address where none is given.
FIRST = "admin@localhost.localdomain"

_address = click.option("--address", metavar="HOST:PORT", help="Listen there [ASSESSOR_WEB, 127.0.0.1:8080].")


@click.command()
@_address
@click.option("--parent", type=int, hidden=True)
@click.pass_obj
def web(config: Settings, address: str | None, parent: int | None) -> None:
    """Run the web application alone, until told to stop."""
    # What it stands on takes longer to import than most commands take.
    from assessor.web import serving

    serving.thrifty()
    config = _at(config, address)
    stop = threading.Event()
    wiring.stop_on_signals(stop)
    with (
        contextlib.closing(serving.listen(config.web)) as listening,
        wiring.parts(config, boxed=False) as parts,
    ):
        here = serving.context_of(config, parts)
        talk = Console(stderr=True)
        serving.serve(
            here,
            listening,
            stop=stop,
            parent=parent,
            on_ready=lambda: talk.print(f"web application at {here.site.url}/", soft_wrap=True),
        )


@click.command()
@_address
@click.option("--workers", type=click.IntRange(1, 256), help="Worker processes [ASSESSOR_WORKERS, cores].")
@click.option("--health", metavar="HOST:PORT", help="Answer GET /health there [ASSESSOR_HEALTH, nowhere].")
@click.option("--admin", metavar="EMAIL", default=FIRST, help="The first admin, where there is none yet.")
@click.pass_obj
def serve(config: Settings, address: str | None, workers: int | None, health: str | None, admin: str) -> None:
    """Run everything on this machine: what `up` runs, and the web application. Ctrl-C ends it in order."""
    from assessor.web import address as addresses
    from assessor.web import serving

    config = _at(config, address)
    told_health = config.health if health is None else settings.address(health, name="--health")
    number = workers or config.workers
    site = addresses.site(config)
    # Refused now, in words, and not by a child again and again.
    serving.listen(config.web).close()
    operate.prepare(config)
    with wiring.parts(config, boxed=False) as parts:
        serving.context_of(config, parts)
        link = first_link(parts, email=admin, site_url=site.url)
    talk = Console(stderr=True)
    talk.print(
        f"assessor is up: {site.url}/, workers: {number}, home {config.home}; Ctrl-C ends it", soft_wrap=True
    )
    if link is not None:
        talk.print(
            f"no admin has signed in yet; this link lets one in, once, within a day:\n{link}", soft_wrap=True
        )
    operate.keep_up(
        config,
        [
            *operate.children(config, workers=number, health=told_health),
            operate.child(config, "web", "web", "--address", settings.shown(config.web)),
        ],
    )


def first_link(parts: Parts, *, email: str, site_url: str) -> str | None:
    """A link by which the first admin signs in, or None where an admin has signed in already.

    Args:
        parts: the installation's.
        email: the address of the account that is made where there is no admin.
        site_url: where browsers reach the web application.

    Raises:
        AccountRefused: the address is none, or somebody's who is no admin.
    """
    admins = []
    after = None
    while found := parts.store.users(after=after):
        admins += [user for user in found if Role.ADMIN in user.roles and user.active]
        after = found[-1].id
    if any(user.signed_in_at is not None for user in admins):
        return None
    act = Act.by_operator(parts.clock())
    user = admins[0] if admins else None
    if user is None:
        if parts.store.user_by_email(email) is not None:
            raise AccountRefused(
                f"--admin: expected an address without an account, {email} has one; make them an admin with: "
                f"assessor users roles {email} --role admin"
            )
        user = parts.store.add_user(
            id=parts.new_id(),
            email=email,
            name="Admin",
            roles={Role.ADMIN},
            password=None,
            seed=Seed(id=parts.new_id(), salt=parts.new_salt()),
            act=act,
        )
    secret = secrets.token_urlsafe(32)
    parts.store.add_sign_in_link(secret=secret, user_id=user.id, expires_at=act.now + LINK, act=act)
    return site_url + sessions.LINK_PATH + secret


def _at(config: Settings, address: str | None) -> Settings:
    return config if address is None else replace(config, web=settings.address(address, name="--address"))


over_the_web: tuple[click.Command, ...] = (web, serve)
