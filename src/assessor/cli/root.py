"""The command line: parses, calls one function, prints.

Results go to standard output (as JSON with `--json`), talk and progress to standard error. Exit statuses:
0 passed or done, 1 failed or refused, 2 usage or an authored file, 3 unjudged or a part missing, 4 awaiting
review. What authors use is in `cli.tasks`, `cli.author` and `cli.badges`, what operators use in
`cli.operate`, `cli.users`, `cli.cohorts` and `cli.webhooks`, what learners of a server use in `cli.remote`,
what issuers use in `cli.awards`, `cli.handout` and `cli.publish`, what verifiers use in `cli.verify`.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from rich.console import Console

from assessor import __version__, judging, logs, pipeline, publish, settings, settling, waiting, wiring
from assessor.cli import display, versions
from assessor.cli.author import for_tasks, writing
from assessor.cli.awards import issue
from assessor.cli.badges import badges
from assessor.cli.cohorts import teaching
from assessor.cli.handout import hand_out
from assessor.cli.keys import keys_
from assessor.cli.operate import LONG_RUNNING, operate
from assessor.cli.publish import publishing
from assessor.cli.remote import hand_in, remote, server_, token_file
from assessor.cli.tasks import author
from assessor.cli.users import people
from assessor.cli.verify import check
from assessor.cli.web import over_the_web
from assessor.cli.webhooks import telling_others
from assessor.errors import AssessorError, NotFound, VerificationFailed, VerificationOpen, exit_code
from assessor.parts import Parts
from assessor.settings import Settings
from assessor.store import UNUSED, Attempt, AttemptState


class Group(click.Group):
    """The one place of the command line where errors are caught."""

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The command of this name; `task` is understood as `tasks`."""
        return super().get_command(context, "tasks" if name == "task" else name)

    def invoke(self, context: click.Context) -> Any:
        """Run the command; an error of ours becomes one line and its exit status."""
        try:
            return super().invoke(context)
        except AssessorError as error:
            # A stranger's words are in it: a credential's, a record's.
            shown = (
                display.line if isinstance(error, VerificationFailed | VerificationOpen) else display.plain
            )
            # Not folded: file, line and column stay together for editors.
            Console(stderr=True).print(f"[red]error:[/] {shown(str(error))}", highlight=False, soft_wrap=True)
            context.exit(exit_code(error))


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--home", type=click.Path(path_type=Path), help="Folder of the installation [ASSESSOR_HOME, .assessor]."
)
@click.option(
    "--catalog",
    type=click.Path(path_type=Path),
    help="Folder with tasks/, rubrics/ and sandboxes/ [ASSESSOR_CATALOG, .].",
)
@click.version_option(__version__, prog_name="assessor")
@click.pass_context
def main(context: click.Context, home: Path | None, catalog: Path | None) -> None:
    """Judge learners' work in sealed sandboxes and sign the evidence."""
    try:
        context.obj = settings.read(home=home, catalog=catalog)
    except AssessorError as error:
        raise click.UsageError(str(error)) from error
    # A command that prints a result logs what goes wrong; those that run for long log each stage.
    quiet = context.invoked_subcommand not in LONG_RUNNING
    logs.configure(context.obj.log_format, level=logging.WARNING if quiet else logging.INFO)


for command in for_tasks:
    author.add_command(command)
main.add_command(author)
main.add_command(badges)
main.add_command(keys_)
for command in (
    *operate,
    *people,
    *teaching,
    *over_the_web,
    *telling_others,
    *writing,
    *issue,
    *hand_out,
    *publishing,
    *remote,
    *check,
):
    main.add_command(command)

as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


@main.command()
@click.argument("task")
@click.argument("upload", type=click.Path(path_type=Path))
@click.option("--learner", help="The learner's name; of a submission at this installation.")
@server_
@token_file
@click.option(
    "--class",
    "queue_class",
    type=click.Choice([one.value for one in waiting.ASKED]),
    help="The class of the queue that it waits in, in place of the task's own.",
)
@click.option("--follow", is_flag=True, help="Stay until it is judged, and show the result.")
@as_json
@click.pass_context
def submit(
    context: click.Context,
    task: str,
    upload: Path,
    learner: str | None,
    server: str | None,
    token_file: Path | None,
    queue_class: str | None,
    follow: bool,
    as_json: bool,
) -> None:
    """Hand in UPLOAD (a folder, zip or tar) for TASK: at this installation, or with --server at another.

    At a server it is your own, by your token (`assessor login`), and is followed until it is judged.
    """
    config: Settings = context.obj
    named = context.get_parameter_source("server") is ParameterSource.COMMANDLINE
    if server is not None and (learner is None or named):
        if learner is not None or queue_class is not None:
            raise click.UsageError("--server: you hand in as yourself; it takes no --learner and no --class")
        hand_in(context, server, task, upload, token_file, as_json)
        return
    if learner is None:
        raise click.UsageError("expected --learner, or --server to hand in at another installation")
    with wiring.parts(config, boxed=False) as parts:
        submission, attempt, received = pipeline.submit(
            upload,
            task_id=task,
            learner=learner,
            tasks=wiring.tasks(config),
            spool=config.spool,
            parts=parts,
            ring=wiring.ring(config),
            queue_class=None if queue_class is None else waiting.Class(queue_class),
        )
        talk = Console(stderr=True)
        for path, reason in received.dropped:
            talk.print(
                f"left out {display.plain(path)}: {display.plain(reason)}", style="yellow", soft_wrap=True
            )
        for flag in received.flags:
            talk.print(f"flagged for reviewers: {display.plain(flag)}", style="yellow", soft_wrap=True)
        if not parts.store.workers(parts.clock()):
            talk.print("no worker is running yet; start one with: assessor up", style="yellow")
        if not follow:
            place = display.place(attempt, parts)
            words = "a worker has it" if place is None else f"queued, {display.place_words(place)}"
            _print(
                context,
                as_json,
                display.attempt_values(submission, attempt, place)
                | {"dropped": [list(one) for one in received.dropped], "flags": list(received.flags)},
                f"submission {submission.id}, attempt {attempt.id}: {words}",
            )
            return
        _follow(context, parts, attempt.id, as_json)


@main.command()
@click.argument("attempt", required=False)
@click.option("--follow", is_flag=True, help="Stay until the attempt is judged.")
@click.option("--learner", help="Only this learner's submissions.")
@click.option("--task", help="Only submissions for this task.")
@click.option(
    "--state",
    type=click.Choice([state.value for state in AttemptState]),
    help="All attempts in this state, oldest first: what reviewers or an operator must look at.",
)
@as_json
@click.pass_context
def status(
    context: click.Context,
    attempt: str | None,
    follow: bool,
    learner: str | None,
    task: str | None,
    state: str | None,
    as_json: bool,
) -> None:
    """Show the queue, workers and latest attempts; or one ATTEMPT."""
    config: Settings = context.obj
    with wiring.parts(config, boxed=False) as parts:
        if attempt is not None and follow:
            _follow(context, parts, attempt, as_json)
            return
        if attempt is not None:
            found = parts.store.attempt(attempt)
            rows = [(parts.store.submission(found.submission_id), found)]
        elif state is not None:
            rows = [
                (parts.store.submission(found.submission_id), found)
                for found in parts.store.attempts_in(AttemptState(state))
            ]
        else:
            rows = [
                (submission, parts.store.latest(submission.id))
                for submission in parts.store.submissions(learner, task, limit=20)
            ]
        place = None if attempt is None else display.place(rows[0][1], parts)
        values: dict[str, Any] = {"attempts": [display.attempt_values(*row, place) for row in rows]}
        console = Console()
        if attempt is None:
            values |= display.installation_values(parts, wiring.sandboxes(config))
        if as_json:
            click.echo(json.dumps(values, indent=2))
            return
        if attempt is None:
            console.print(display.installation(values))
        console.print(display.attempts_table(rows))
        if place is not None:
            console.print(display.place_words(place))


@main.command()
@click.argument("attempt")
@click.option("--private", is_flag=True, help="The whole report, hidden tests and all; not for learners.")
@as_json
@click.pass_context
def show(context: click.Context, attempt: str, private: bool, as_json: bool) -> None:
    """Show the result of ATTEMPT as its learner may see it."""
    with wiring.parts(context.obj, boxed=False) as parts:
        found = parts.store.attempt(attempt)
        if found.state in (AttemptState.QUEUED, AttemptState.RUNNING, *UNUSED):
            submission = parts.store.submission(found.submission_id)
            _print(
                context,
                as_json,
                display.attempt_values(submission, found),
                display.attempts_table([(submission, found)]),
            )
            context.exit(display.exit_status(found))
        judged = judging.judge(attempt, parts)
        if private:
            click.echo(judged.report.decode())
        else:
            _result(context, parts, found, judged, as_json)
        context.exit(display.exit_status(found))


@main.command()
@click.argument("attempt")
@click.argument("criterion")
@click.option("--marks", type=int, required=True, help="From 0 to the criterion's marks.")
@click.option("--reviewer", required=True, help="Who gives them.")
@click.option("--comment", default="", help="For the learner.")
@as_json
@click.pass_context
def review(
    context: click.Context,
    attempt: str,
    criterion: str,
    marks: int,
    reviewer: str,
    comment: str,
    as_json: bool,
) -> None:
    """Give MARKS for a CRITERION of ATTEMPT, and conclude it if none is open any more.

    Marks for a judged attempt make a new attempt; the old one, and its evidence, stay.
    """
    with wiring.parts(context.obj, boxed=False) as parts:
        found = judging.review(
            attempt, criterion=criterion, marks=marks, reviewer=reviewer, comment=comment, parts=parts
        )
        settling.follow_up(found.id, parts)
        _result(context, parts, found, judging.judge(found.id, parts), as_json)
        context.exit(display.exit_status(found))


@main.command()
@click.argument("attempt")
@as_json
@click.pass_context
def rescore(context: click.Context, attempt: str, as_json: bool) -> None:
    """Score the stored events of ATTEMPT again, as a new attempt; the old one stays."""
    with wiring.parts(context.obj, boxed=False) as parts:
        new = judging.rescore(attempt, parts)
        settling.follow_up(new.id, parts)
        _result(context, parts, new, judging.judge(new.id, parts), as_json)
        context.exit(display.exit_status(new))


@main.command()
@click.argument("target")
@click.option("--from", "judged_with", metavar="VERSION", help="Only results of this version, or digest.")
@click.option("--attempt", "attempts", multiple=True, help="Only this result; may be given several times.")
@click.option("--show", is_flag=True, help="Show old and new side by side.")
@click.option("--apply", is_flag=True, help="Make the new results count; needs --reason.")
@click.option("--drop", is_flag=True, help="Give the new results up.")
@click.option("--reason", help="Why, for the books.")
@click.option("--by", help="Who orders it [the user of this system].")
@click.option("--revoke-awards", is_flag=True, help="Revoke awards that the new results do not back.")
@click.option("--follow", is_flag=True, help="Of a submission: stay until it is judged, show the result.")
@as_json
@click.pass_context
def regrade(context: click.Context, /, target: str, follow: bool, as_json: bool, **options: Any) -> None:
    """Judge stored work again: TARGET is a task, or one submission.

    A task's stored results are judged on the task as it is now, after all that learners wait for; nothing
    counts until --apply. A submission is run again with the task as it was, as a new attempt that counts;
    those before stay.
    """
    config: Settings = context.obj
    asked = versions.Asked(**options)
    if versions.is_task(target, config):
        if follow:
            raise click.UsageError("expected --follow with a submission, got a task")
        versions.regrade(context, target, asked, as_json)
        return
    if asked.any:
        raise NotFound(f"expected the id of a task, got {target!r}: the catalog has none of that id")
    submission = target
    with wiring.parts(config, boxed=False) as parts:
        attempt = pipeline.regrade(submission, parts, ring=wiring.ring(config))
        if follow:
            _follow(context, parts, attempt.id, as_json)
            return
        values = display.attempt_values(parts.store.submission(submission), attempt)
        _print(context, as_json, values, f"attempt {attempt.id}: queued")


def _follow(context: click.Context, parts: Parts, attempt_id: str, as_json: bool) -> None:
    (attempt,) = display.follow([attempt_id], parts.store, Console(stderr=True))
    if attempt.state in UNUSED:
        submission = parts.store.submission(attempt.submission_id)
        _print(
            context,
            as_json,
            display.attempt_values(submission, attempt),
            display.attempts_table([(submission, attempt)]),
        )
    else:
        _result(context, parts, attempt, judging.judge(attempt_id, parts), as_json)
    context.exit(display.exit_status(attempt))


def _result(
    context: click.Context, parts: Parts, attempt: Attempt, judged: judging.Judged, as_json: bool
) -> None:
    folder = parts.publisher.folder(attempt.id) if attempt.state is AttemptState.JUDGED else None
    values = display.attempt_values(judged.submission, attempt) | {
        "feedback": display.feedback(judged).dump(),
        "evidence": None if folder is None else str(folder),
    }
    _print(context, as_json, values, display.result(judged))
    if folder is None:
        return
    judging.shown(attempt.id, parts)
    if not as_json:
        click.echo(f"evidence: {folder / publish.PAGE}")


def _print(context: click.Context, as_json: bool, values: Any, words: Any) -> None:
    if as_json:
        click.echo(json.dumps(values, indent=2))
    elif isinstance(words, str):
        click.echo(words)
    else:
        Console().print(words, highlight=False)
