"""The command line's part for webhooks: who is told of what happens, and what became of each message."""

from __future__ import annotations

import json
import secrets
from typing import Any

import click
from rich.console import Console

from assessor import wiring
from assessor.cli.users import as_json, listing, opened, say, shown
from assessor.errors import AccountRefused, RemoteFault
from assessor.openbadges import remote
from assessor.rows import news, webhooks
from assessor.rows.webhooks import Delivery, Endpoint, Event
from assessor.settings import Settings


@click.group(name="webhooks")
def webhooks_() -> None:
    """Webhooks: who is told when work was judged or reviewed, and badges awarded or revoked."""


@webhooks_.command()
@click.argument("url")
@click.option(
    "--event",
    "events",
    type=click.Choice([one.value for one in webhooks.TOLD]),
    multiple=True,
    help="What is told; may be given several times [all].",
)
@as_json
@click.pass_obj
def add(config: Settings, url: str, events: tuple[str, ...], as_json: bool) -> None:
    """Tell URL, an https address, what happens; prints the secret that signs the messages: this once."""
    try:
        remote.check(url)
    except RemoteFault as error:
        raise AccountRefused(f"webhook: {error}") from error
    secret = webhooks.secret(secrets.token_bytes(webhooks.SECRET_BYTES))
    with opened(config) as (store, act):
        made = store.add_endpoint(
            id=wiring.new_id(), url=url, secret=secret, events=map(Event, events or webhooks.TOLD), act=act
        )
    say(as_json, _endpoint_values(made) | {"secret": secret}, f"endpoint {made.id}\n{secret}")


@webhooks_.command(name="list")
@as_json
@click.pass_obj
def list_(config: Settings, as_json: bool) -> None:
    """List who is told, the oldest first."""
    with opened(config) as (store, _act):
        found = store.endpoints()
    if as_json:
        click.echo(json.dumps([_endpoint_values(one) for one in found], indent=2))
        return
    table = listing("id", "address", "events", "state")
    for one in found:
        state = "active" if one.active else "switched off"
        table.add_row(one.id, shown(one.url), ", ".join(sorted(one.events)), state)
    Console().print(table)


@webhooks_.command()
@click.argument("endpoint", required=False)
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="How many.")
@as_json
@click.pass_obj
def messages(config: Settings, endpoint: str | None, limit: int, as_json: bool) -> None:
    """List the messages to ENDPOINT, or to all, the newest first, and what became of each."""
    with opened(config) as (store, _act):
        if endpoint is not None:
            store.endpoint(endpoint)
        found = store.deliveries(endpoint, limit=limit)
    if as_json:
        click.echo(json.dumps([_message_values(one) for one in found], indent=2))
        return
    table = listing("id", "event", "state", "tries", "next", "why")
    for one in found:
        again = "" if one.next_at is None else f"{one.next_at:%Y-%m-%d %H:%M:%S}"
        table.add_row(one.id, one.event, one.state, str(one.tries), again, shown(one.problem or ""))
    Console().print(table)


@webhooks_.command()
@click.argument("message")
@as_json
@click.pass_obj
def replay(config: Settings, message: str, as_json: bool) -> None:
    """Send MESSAGE once more, whatever became of it; its id stays the same."""
    with opened(config) as (store, act):
        found = store.replay(message, act=act)
    say(as_json, _message_values(found), f"{found.id}: waits to be sent")


@webhooks_.command()
@click.argument("endpoint")
@as_json
@click.pass_obj
def disable(config: Settings, endpoint: str, as_json: bool) -> None:
    """Tell ENDPOINT nothing more for now; what waits for it goes on waiting."""
    with opened(config) as (store, act):
        changed = store.set_endpoint(endpoint, active=False, act=act)
    say(as_json, _endpoint_values(changed), f"{changed.id}: switched off")


@webhooks_.command()
@click.argument("endpoint")
@as_json
@click.pass_obj
def enable(config: Settings, endpoint: str, as_json: bool) -> None:
    """Tell ENDPOINT again what happens, and what waited meanwhile."""
    with opened(config) as (store, act):
        changed = store.set_endpoint(endpoint, active=True, act=act)
    say(as_json, _endpoint_values(changed), f"{changed.id}: active")


@webhooks_.command()
@click.argument("endpoint")
@as_json
@click.pass_obj
def ping(config: Settings, endpoint: str, as_json: bool) -> None:
    """Send ENDPOINT a message that says nothing but that messages arrive."""
    with opened(config) as (store, act):
        queued = store.ping(endpoint, news.ping(endpoint, now=act.now), id=f"msg_{wiring.new_id()}", act=act)
    say(as_json, _message_values(queued), f"{queued.id}: waits to be sent")


@webhooks_.command()
@click.argument("endpoint")
@as_json
@click.pass_obj
def remove(config: Settings, endpoint: str, as_json: bool) -> None:
    """Forget ENDPOINT, with all that was or was to be told to it."""
    with opened(config) as (store, act):
        store.remove_endpoint(endpoint, act=act)
    say(as_json, {"endpoint": endpoint, "removed": True}, f"{endpoint}: removed")


def _endpoint_values(one: Endpoint) -> dict[str, Any]:
    return {"endpoint": one.id, "url": one.url, "events": sorted(one.events), "active": one.active}


def _message_values(one: Delivery) -> dict[str, Any]:
    return {
        "message": one.id,
        "endpoint": one.endpoint_id,
        "event": one.event.value,
        "state": one.state.value,
        "tries": one.tries,
        "next_at": None if one.next_at is None else one.next_at.isoformat(),
        "status": one.status,
        "problem": one.problem,
        "created_at": one.created_at.isoformat(),
        "payload": one.payload.decode(),
    }


telling_others: tuple[click.Command, ...] = (webhooks_,)
