"""The command line's part for people: accounts, tokens, and the trail of who did what.

Whoever has this command line has the installation: no role is asked for, and the audit trail calls them
`audit.COMMAND_LINE`. Secrets are shown once, where they are made.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from assessor import passwords, report, wiring
from assessor.errors import NotFound
from assessor.rows import sessions
from assessor.rows.audit import Act
from assessor.rows.tokens import Scope, Token
from assessor.rows.users import Role, User
from assessor.settings import Settings
from assessor.store import Store

#: How long a link for signing in holds unless told otherwise, days.
LINK_DAYS = 7
#: How many lines of a list are asked of the store at once.
PAGE = 500

#: Headings of columns that hold ids.
_IDS = {"id", "token", "assignment", "attempt"}

as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
role_ = click.option(
    "--role",
    "roles",
    type=click.Choice([one.value for one in Role]),
    multiple=True,
    required=True,
    help="What they may do; may be given several times.",
)
link_days = click.option(
    "--days",
    type=click.IntRange(1, 365),
    default=LINK_DAYS,
    show_default=True,
    help="How long the link holds.",
)
at_url = click.option("--url", help="Where the web application is, for links [ASSESSOR_PUBLIC_URL].")


@click.group(name="users")
def users_() -> None:
    """Accounts of people: who they are and what they may do."""


@users_.command()
@click.argument("email")
@role_
@click.option("--name", help="What to call them [EMAIL].")
@click.option(
    "--password-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True),
    help="A file whose first line is their password (- for standard input); else they get a link.",
)
@link_days
@at_url
@as_json
@click.pass_obj
def add(
    config: Settings,
    email: str,
    roles: tuple[str, ...],
    name: str | None,
    password_file: Path | None,
    days: int,
    url: str | None,
    as_json: bool,
) -> None:
    """Make an account for EMAIL, and print a link by which they sign in once.

    A learner who is called by that address already is the same person from here on.
    """
    password = None if password_file is None else passwords.hashed(_first_line(password_file))
    with opened(config) as (store, act):
        made = store.add_user(
            id=wiring.new_id(),
            email=email,
            name=name or email,
            roles=map(Role, roles),
            password=password,
            seed=wiring.new_seed(),
            act=act,
            adopt=True,
        )
        link = None if password is not None else _link(config, store, made, days, url, act)
    words = f"{made.email}: {_roles(made)}; id {made.id}"
    if link is not None:
        words += f"\nThey sign in once, within {days} days, at\n{link}"
    say(as_json, user_values(made) | {"link": link}, words)


@users_.command(name="list")
@as_json
@click.pass_obj
def list_(config: Settings, as_json: bool) -> None:
    """List all accounts, the oldest first."""
    with opened(config) as (store, _act):
        found = list(_every_user(store))
    if as_json:
        click.echo(json.dumps([user_values(one) for one in found], indent=2))
        return
    table = listing("e-mail", "name", "roles", "state", "signed in")
    for one in found:
        state = "active" if one.active else "switched off"
        seen = "never" if one.signed_in_at is None else f"{one.signed_in_at:%Y-%m-%d}"
        table.add_row(shown(one.email), shown(one.name), _roles(one), state, seen)
    Console().print(table)


@users_.command()
@click.argument("email")
@role_
@as_json
@click.pass_obj
def roles(config: Settings, email: str, roles: tuple[str, ...], as_json: bool) -> None:
    """Let the user of EMAIL have these roles, and no others; they are signed out."""
    with opened(config) as (store, act):
        changed = store.set_roles(
            named(store, email).id, map(Role, roles), seed=wiring.new_seed(), act=act, adopt=True
        )
    say(as_json, user_values(changed), f"{changed.email}: {_roles(changed)}")


@users_.command()
@click.argument("email")
@as_json
@click.pass_obj
def disable(config: Settings, email: str, as_json: bool) -> None:
    """Switch the account of EMAIL off: sessions, links and tokens end at once, and for good."""
    with opened(config) as (store, act):
        changed = store.set_active(named(store, email).id, False, act=act)
    say(as_json, user_values(changed), f"{changed.email}: switched off")


@users_.command()
@click.argument("email")
@as_json
@click.pass_obj
def enable(config: Settings, email: str, as_json: bool) -> None:
    """Switch the account of EMAIL on again."""
    with opened(config) as (store, act):
        changed = store.set_active(named(store, email).id, True, act=act)
    say(as_json, user_values(changed), f"{changed.email}: active")


@users_.command()
@click.argument("email")
@link_days
@at_url
@as_json
@click.pass_obj
def link(config: Settings, email: str, days: int, url: str | None, as_json: bool) -> None:
    """Print a link by which the user of EMAIL signs in once, for one who has lost their password."""
    with opened(config) as (store, act):
        made = _link(config, store, named(store, email), days, url, act)
    say(as_json, {"link": made}, made)


@click.group(name="tokens")
def tokens_() -> None:
    """Tokens: what programs show to act for a user."""


@tokens_.command(name="add")
@click.argument("email")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice([one.value for one in Scope]),
    multiple=True,
    required=True,
    help="What it is for; may be given several times.",
)
@click.option("--name", default="command line", show_default=True, help="What its owner calls it.")
@click.option(
    "--days", type=click.IntRange(1, 3660), default=365, show_default=True, help="How long it holds."
)
@as_json
@click.pass_obj
def add_token(
    config: Settings, email: str, scopes: tuple[str, ...], name: str, days: int, as_json: bool
) -> None:
    """Make a token for the user of EMAIL, and print it: this once."""
    secret = wiring.new_token()
    with opened(config) as (store, act):
        made = store.add_token(
            id=wiring.new_id(),
            secret=secret,
            user_id=named(store, email).id,
            name=name,
            scopes=map(Scope, scopes),
            expires_at=act.now + timedelta(days=days),
            act=act,
        )
    say(as_json, _token_values(made) | {"token": secret}, secret)


@tokens_.command(name="list")
@click.argument("email", required=False)
@as_json
@click.pass_obj
def list_tokens(config: Settings, email: str | None, as_json: bool) -> None:
    """List the tokens of the user of EMAIL, or of all."""
    with opened(config) as (store, _act):
        owners = list(_every_user(store)) if email is None else [named(store, email)]
        found = [(owner, one) for owner in owners for one in store.tokens(owner.id)]
    if as_json:
        values = [_token_values(one) | {"email": owner.email} for owner, one in found]
        click.echo(json.dumps(values, indent=2))
        return
    table = listing("token", "e-mail", "name", "scopes", "until", "used")
    for owner, one in found:
        until = "for ever" if one.expires_at is None else f"{one.expires_at:%Y-%m-%d}"
        used = "never" if one.used_at is None else f"{one.used_at:%Y-%m-%d}"
        table.add_row(one.id, shown(owner.email), shown(one.name), ", ".join(sorted(one.scopes)), until, used)
    Console().print(table)


@tokens_.command()
@click.argument("token")
@as_json
@click.pass_obj
def revoke(config: Settings, token: str, as_json: bool) -> None:
    """Revoke TOKEN, by its id."""
    with opened(config) as (store, act):
        store.revoke_token(token, act=act)
    say(as_json, {"token": token, "revoked": True}, f"{token}: revoked")


@click.command(name="audit")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="How many.")
@as_json
@click.pass_obj
def audit_(config: Settings, limit: int, as_json: bool) -> None:
    """Show who did what that not everybody may, the newest first."""
    with opened(config) as (store, _act):
        found = store.audit(limit=limit)
    if as_json:
        values = [
            {
                "seq": row.seq,
                "at": row.at.isoformat(),
                "user": row.user_id,
                "act": row.act,
                "subject": row.subject,
                "detail": json.loads(row.detail),
                "address": row.address,
            }
            for row in found
        ]
        click.echo(json.dumps(values, indent=2))
        return
    table = listing("when", "who", "what", "to what", "detail")
    for row in found:
        who = row.address if row.user_id is None else f"{row.user_id} from {row.address or 'erased'}"
        table.add_row(
            f"{row.at:%Y-%m-%d %H:%M:%S}", shown(who), row.act, shown(row.subject), shown(row.detail)
        )
    Console().print(table)


@contextlib.contextmanager
def opened(config: Settings) -> Iterator[tuple[Store, Act]]:
    """The store, and the act of whoever has the command line now."""
    with contextlib.closing(wiring.store(config)) as store:
        yield store, Act.by_operator(wiring.now())


def named(store: Store, email: str) -> User:
    """The user of this address.

    Raises:
        NotFound: there is none.
    """
    found = store.user_by_email(email)
    if found is None:
        raise NotFound(f"expected the e-mail address of a user, got {email!r}: nobody has an account by it")
    return found


def address_of(config: Settings, url: str | None, path: str) -> str:
    """A link to a path of the web application; the path alone where nobody has said where that is."""
    return (url or config.web_url or config.public_url or "").rstrip("/") + path


def listing(*headings: str) -> Table:
    """A table for people."""
    table = Table(show_edge=False, pad_edge=False)
    for heading in headings:
        # Ids are whole, to be copied into the next command.
        table.add_column(heading, overflow="fold", no_wrap=heading in _IDS)
    return table


def shown(text: str) -> Text:
    """What somebody wrote, with nothing in it that a terminal acts on."""
    return Text(report.line(text))


def say(as_json: bool, values: Any, words: str) -> None:
    """Print a result."""
    click.echo(json.dumps(values, indent=2) if as_json else report.shown(words))


def user_values(user: User) -> dict[str, Any]:
    """A user as JSON values."""
    return {
        "user": user.id,
        "email": user.email,
        "name": user.name,
        "roles": sorted(user.roles),
        "learner": user.learner_id,
        "active": user.active,
        "created_at": user.created_at.isoformat(),
        "signed_in_at": _time(user.signed_in_at),
    }


def _token_values(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "user": token.user_id,
        "name": token.name,
        "scopes": sorted(token.scopes),
        "created_at": token.created_at.isoformat(),
        "expires_at": _time(token.expires_at),
        "used_at": _time(token.used_at),
    }


def _link(config: Settings, store: Store, user: User, days: int, url: str | None, act: Act) -> str:
    secret = wiring.new_secret()
    store.add_sign_in_link(secret=secret, user_id=user.id, expires_at=act.now + timedelta(days=days), act=act)
    return address_of(config, url, sessions.LINK_PATH + secret)


def _every_user(store: Store) -> Iterator[User]:
    after = None
    while page := store.users(after, PAGE):
        yield from page
        after = page[-1].id


def _first_line(file: Path) -> str:
    with click.open_file(str(file), "rb") as source:
        line = source.readline(16 * passwords.LONGEST).rstrip(b"\r\n")
    try:
        return str(line, "utf-8")
    except UnicodeDecodeError as error:
        raise click.UsageError(f"--password-file {file}: expected UTF-8 text, got other bytes") from error


def _roles(user: User) -> str:
    return ", ".join(sorted(user.roles))


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


people: tuple[click.Command, ...] = (users_, tokens_, audit_)
