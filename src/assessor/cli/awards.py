"""The command line's part for issuers: award, sign anew, renew, revoke, and look.

Handing out what was awarded is in `cli.handout`; how an order is done for many at once in `cli.orders`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from assessor import awarding, report, statuses, wiring
from assessor.awarding import Done
from assessor.cli import orders
from assessor.parts import Parts
from assessor.roster import Entry
from assessor.rows.awards import AwardRow
from assessor.settings import Settings

as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
dry_run = click.option("--dry-run", is_flag=True, help="Change nothing; say what would be done.")
from_csv = click.option(
    "--csv",
    "csv_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Learners, one a line, under the header learner or learner,email.",
)
of_achievement = click.option("--achievement", help="With --csv: whose awards of which achievement.")
why = click.option("--reason", help="Why, for the issuer's own books.")


@click.command()
@click.argument("achievement")
@click.argument("learner", required=False)
@from_csv
@click.option("--attempt", help="A passed attempt that it is to rest on, by the issuer's decision.")
@why
@dry_run
@as_json
@click.pass_context
def award(
    context: click.Context,
    achievement: str,
    learner: str | None,
    csv_file: Path | None,
    attempt: str | None,
    reason: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Award ACHIEVEMENT to LEARNER, or to every learner of a CSV.

    Their evidence must meet what the achievement requires. Where the issuer decides otherwise, --attempt
    names the passed attempt that the award rests on, and --reason says why.
    """
    if attempt is not None and (csv_file is not None or reason is None):
        raise click.UsageError("--attempt is for one learner, and needs --reason")

    def act(parts: Parts, entry: Entry) -> Done:
        return awarding.award(
            parts,
            achievement,
            entry.learner,
            attempt=attempt,
            reason=reason,
            email=entry.email,
            dry_run=dry_run,
        )

    orders.run(context, orders.entries(learner, csv_file, "LEARNER"), act, dry_run=dry_run, as_json=as_json)


@click.command()
@click.argument("award", required=False)
@click.option("--reason", required=True, help="Why, for the issuer's own books; it is not published.")
@from_csv
@of_achievement
@dry_run
@as_json
@click.pass_context
def revoke(
    context: click.Context,
    award: str | None,
    reason: str,
    csv_file: Path | None,
    achievement: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Revoke AWARD, or the awards of an achievement to the learners of a CSV. It is for good."""
    touched: set[str] = set()

    def act(parts: Parts, row: AwardRow, _entry: Entry) -> Done:
        done = awarding.revoke(parts, row.id, reason=reason, sign=False, dry_run=dry_run)
        touched.add(row.status_list)
        return done

    def sign(parts: Parts) -> bool:
        statuses.republish(parts, now=parts.clock())
        return all(parts.store.status_list(name).body is not None for name in touched)

    orders.of_awards(context, award, csv_file, achievement, act, dry_run=dry_run, as_json=as_json, after=sign)


@click.command()
@click.argument("award", required=False)
@why
@from_csv
@of_achievement
@dry_run
@as_json
@click.pass_context
def reissue(
    context: click.Context,
    award: str | None,
    reason: str | None,
    csv_file: Path | None,
    achievement: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Sign AWARD anew, or the awards of an achievement to the learners of a CSV: same id, newer date."""

    def act(parts: Parts, row: AwardRow, entry: Entry) -> Done:
        return awarding.reissue(parts, row.id, reason=reason, email=entry.email, dry_run=dry_run)

    orders.of_awards(context, award, csv_file, achievement, act, dry_run=dry_run, as_json=as_json)


@click.command()
@click.argument("award", required=False)
@why
@from_csv
@of_achievement
@dry_run
@as_json
@click.pass_context
def renew(
    context: click.Context,
    award: str | None,
    reason: str | None,
    csv_file: Path | None,
    achievement: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Let AWARD last as long as a new one from now on, or those of an achievement to a CSV of learners."""

    def act(parts: Parts, row: AwardRow, entry: Entry) -> Done:
        return awarding.renew(parts, row.id, reason=reason, email=entry.email, dry_run=dry_run)

    orders.of_awards(context, award, csv_file, achievement, act, dry_run=dry_run, as_json=as_json)


@click.command()
@click.option("--learner", help="Only this learner's.")
@click.option("--achievement", help="Only those of this achievement.")
@click.option("--attention", is_flag=True, help="Only those that an issuer should look at, and why.")
@as_json
@click.pass_obj
def awards(
    config: Settings, learner: str | None, achievement: str | None, attention: bool, as_json: bool
) -> None:
    """List awards, the oldest first."""
    with wiring.parts(config, boxed=False) as parts:
        rows = parts.store.awards(learner=learner, achievement=achievement)
        notes: dict[str, list[str]] = {}
        for one in awarding.attention(parts):
            notes.setdefault(one.row.id, []).append(one.why)
        if attention:
            rows = tuple(row for row in rows if row.id in notes)
        names = parts.store.learner_names(row.learner_id for row in rows if row.learner_id)
        now = parts.clock()
        if as_json:
            found = [
                _values(row, names) | {"holds": row.holds(now), "attention": notes.get(row.id, [])}
                for row in rows
            ]
            click.echo(json.dumps(found, indent=2))
            return
        table = Table(show_edge=False, pad_edge=False)
        table.add_column("award", no_wrap=True, min_width=36)  # whole, to be copied into the next command
        for heading in ("achievement", "level", "learner", "awarded", "until", "state"):
            table.add_column(heading)
        for row in rows:
            table.add_row(
                row.id,
                row.achievement_id,
                row.level or "",
                Text(report.shown(names.get(row.learner_id or "", "erased"))),
                f"{row.awarded_at:%Y-%m-%d}",
                "" if row.valid_until is None else f"{row.valid_until:%Y-%m-%d}",
                Text(_state(row, notes.get(row.id, []), holds=row.holds(now))),
            )
        Console().print(table)


def _state(row: AwardRow, notes: Sequence[str], *, holds: bool) -> str:
    state = "holds" if holds else "ran out"
    if row.revoked_at is not None:
        state = f"revoked {row.revoked_at:%Y-%m-%d}: {row.reason or 'no reason is kept'}"
    return report.shown("; ".join([state, *notes]))


def _values(row: AwardRow, names: Any) -> dict[str, Any]:
    return {
        "award": row.id,
        "achievement": row.achievement_id,
        "level": row.level,
        "learner": names.get(row.learner_id),
        "revision": row.revision,
        "attempts": list(row.attempts),
        "credential": row.credential,
        "awarded_at": row.awarded_at.isoformat(),
        "valid_from": row.valid_from.isoformat(),
        "valid_until": None if row.valid_until is None else row.valid_until.isoformat(),
        "revoked_at": None if row.revoked_at is None else row.revoked_at.isoformat(),
        "reason": row.reason,
        "status_list": row.status_list,
        "status_index": row.status_index,
    }


issue: tuple[click.Command, ...] = (award, revoke, reissue, renew, awards)
