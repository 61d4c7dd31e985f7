"""The command line's part for learners of a server: log in, hand in, follow, and see what came of it.

<configuration folder of the user>/assessor/tokens/<address>      0600: the token for that server
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import tempfile
import uuid
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from assessor import report
from assessor.cli import display
from assessor.errors import SettingInvalid
from assessor.rows import tokens

if TYPE_CHECKING:
    from assessor.client import Client

server_ = click.option(
    "--server",
    envvar="ASSESSOR_SERVER",
    metavar="URL",
    help="Where the web application is [ASSESSOR_SERVER].",
)
token_file = click.option(
    "--token-file",
    envvar="ASSESSOR_TOKEN_FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File with your token [ASSESSOR_TOKEN_FILE, what `assessor login` kept].",
)


@click.command()
@click.option(
    "--server", envvar="ASSESSOR_SERVER", metavar="URL", required=True, help="Where the web application is."
)
@token_file
def login(server: str, token_file: Path | None) -> None:
    """Keep the token for a server, so that you need not name it again.

    You make one on your account's page there, with the scopes read and submit. It is asked for, or read from
    standard input.
    """
    from assessor import client

    where = token_file or _place(client.address(server))
    asked = click.prompt("token", hide_input=True, err=True)
    secret = asked.strip()
    if not secret.startswith(tokens.PREFIX):
        raise SettingInvalid(f"token: expected one that begins with {tokens.PREFIX}, got another")
    with _opened(server, secret) as opened:
        me = opened.get("/me")
    missing = {"read", "submit"} - set(me["scopes"] or ())
    if missing:
        raise SettingInvalid(
            f"token: expected the scopes read and submit, got one without {', '.join(missing)}"
        )
    _keep(where, secret)
    click.echo(f"{display.plain(str(me['email']))}: the token is kept in {where}")


def hand_in(
    context: click.Context, server: str, task: str, upload: Path, token_file: Path | None, as_json: bool
) -> None:
    """Hand in at a server, follow the attempt, print its result; exits by its verdict."""
    from assessor import client

    talk = Console(stderr=True)
    with _opened(server, _token(client.address(server), token_file)) as opened:
        made = opened.hand_in(task, upload, key=str(uuid.uuid4()))
        for one in made["left_out"]:
            words = f"left out {display.plain(one['path'])}: {display.plain(one['reason'])}"
            talk.print(words, style="yellow", soft_wrap=True)
        attempt_id = made["attempt"]["id"]
        talk.print(
            f"submission {display.plain(made['id'])}, attempt {display.plain(attempt_id)}", soft_wrap=True
        )
        told = _Told(talk)
        for progress in opened.follow(attempt_id):
            told.show(progress)
        attempt = opened.get(f"/attempts/{attempt_id}")
        scored = attempt["state"] in ("judged", "awaiting-review")
        result = opened.get(f"/attempts/{attempt_id}/result") if scored else None
        shown = None if as_json or result is None else opened.get(f"/tasks/{quote(task, safe='')}")
    if as_json:
        click.echo(json.dumps({"submission": made["id"], "attempt": attempt, "result": result}, indent=2))
    elif result is None:
        click.echo(f"{display.plain(task)}: {display.plain(attempt['state'])}")
    else:
        Console().print(_result(result, shown), highlight=False)
    context.exit(_status(attempt))


class _Told:
    """Tells what is new, line by line: a connection that was lost repeats nothing."""

    def __init__(self, talk: Console) -> None:
        self._talk = talk
        self._tests: set[str] = set()
        self._words = ""

    def show(self, progress: Any) -> None:
        """Tell it."""
        if progress is None:
            return
        for test in progress["tests"]:
            if test["name"] in self._tests:
                continue
            self._tests.add(test["name"])
            mark = "[green]✓[/]" if test["passed"] else "[red]✗[/]"
            reason = "" if test["passed"] else f" ({display.line(str(test['reason']))})"
            self._talk.print(f"{mark} {display.line(test['name'])}{reason}", highlight=False, soft_wrap=True)
        place = progress["place"]
        words = str(progress["state"]).replace("-", " ")
        if place is not None:
            words += f", place {place['position']}"
            if place["expected_s"] is not None:
                words += f", judged in about {max(1, round(place['expected_s']))} s"
        if words != self._words:
            self._words = words
            self._talk.print(display.line(words), style="dim", highlight=False, soft_wrap=True)


def _result(told: Any, task: Any) -> RenderableType:
    """A result for a person."""
    titles = {one["id"]: one["title"] for one in task["criteria"]}
    style = {"passed": "bold green", "failed": "bold red"}.get(told["verdict"], "bold yellow")
    head = Text.assemble(
        (report.line(task["title"]), "bold"),
        ": ",
        (report.line(told["verdict"]), style),
        f", {report.percent(Fraction(*told['total']))}",
    )
    table = Table(show_edge=False, pad_edge=False)
    for heading in ("criterion", "reached", "level", "comment"):
        table.add_column(heading)
    for one in told["criteria"]:
        reached = "open" if one["fraction"] is None else report.percent(Fraction(*one["fraction"]))
        title = titles.get(one["criterion_id"], one["criterion_id"])
        table.add_row(
            Text(report.line(title)),
            reached,
            report.line(one["level"] or ""),
            Text(report.shown(one["comment"] or "")),
        )
    parts: list[RenderableType] = [head, table]
    for name in ("visible", "hidden"):
        if told[name] is not None:
            parts.append(Text(f"{name} tests: {told[name]['passed']} of {told[name]['total']} passed"))
    for check in told["checks"]:
        if not check["passed"]:
            parts.append(Text(f"\n✗ {report.line(check['title'])}", style="bold red"))
            parts += [
                Text(f"{report.line(one['path'])}:{one['line']}: {report.line(one['sentence'])}")
                for one in check["findings"]
            ]
    for test in told["tests"]:
        if not test["passed"]:
            parts.append(Text(f"\n✗ {report.shown(test['name'])} ({test['reason']})", style="bold red"))
            parts.append(Text(report.shown(test["detail"] or test["message"])))
            if test["example"]:
                parts.append(Text(f"smallest failing example: {report.shown(test['example'])}"))
            if test["output"]:
                parts.append(Text(f"printed:\n{report.shown(test['output'])}", style="dim"))
    return Group(*parts)


def _status(attempt: Any) -> int:
    """The exit status, as `display.exit_status` has it."""
    if attempt["state"] == "awaiting-review":
        return 4
    if attempt["state"] != "judged":
        return 3
    return 0 if attempt["verdict"] == "passed" else 1


@contextlib.contextmanager
def _opened(server: str, token: str) -> Iterator[Client]:
    # What it stands on takes longer to import than most commands take.
    from assessor import client

    talk = Console(stderr=True)
    opened = client.Client(server, token, said=lambda words: talk.print(words, style="yellow"))
    with contextlib.closing(opened):
        yield opened


def _token(server: str, file: Path | None) -> str:
    """The token for a server.

    Raises:
        SettingInvalid: there is none, or others on this machine can read it.
    """
    where = file or _place(server)
    try:
        with where.open() as opened:
            mode = os.fstat(opened.fileno()).st_mode
            text = opened.read(1000).strip()
    except FileNotFoundError as error:
        raise SettingInvalid(
            f"expected a token for {server} in {where}, got no file: keep one with: "
            f"assessor login --server {server}"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingInvalid(f"expected a token in {where}, got: {error}") from error
    if stat.S_ISREG(mode) and mode & 0o077:
        raise SettingInvalid(
            f"{where}: expected a file that you alone can read (chmod 600), got {mode & 0o777:o}"
        )
    if not text.isascii() or not text.startswith(tokens.PREFIX):
        raise SettingInvalid(f"{where}: expected a token that begins with {tokens.PREFIX}, got another text")
    return text


def _keep(where: Path, secret: str) -> None:
    where.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Made with its mode (mkstemp: 0600), and put there as a whole.
    number, name = tempfile.mkstemp(dir=where.parent)
    try:
        with os.fdopen(number, "w") as file:
            file.write(secret + "\n")
        Path(name).replace(where)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _place(server: str) -> Path:
    return Path(click.get_app_dir("assessor")) / "tokens" / quote(server, safe="")


remote: tuple[click.Command, ...] = (login,)
