"""A look at each real part of an installation, for who has to mend one.

Comes in: settings. Goes out: a `Check` for each part, with what was found and what to do, and what a sandbox
was found to hold from inside. Nothing is kept open, nothing is raised where a part is only to be told of.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator

from assessor import blobs, doctor, inspector, issuer, pressure, queueserver, statuses, wiring
from assessor.errors import AssessorError, EngineMissing, KeyFault, NotFound
from assessor.jobs import Ring
from assessor.probe import examine as probe
from assessor.profile import Role
from assessor.sandbox import engine
from assessor.sandbox.docker import Docker
from assessor.settings import SandboxKind, Settings
from assessor.signer import Purpose

#: In place of a profile's name: every learner's profile in the catalog.
EVERY = "*"


def require_engine(settings: Settings) -> None:
    """See that what attempts run in holds every limit.

    Raises:
        EngineMissing: there is no engine, or it does not; the text says what to do.
    """
    if settings.sandbox is SandboxKind.DOCKER:
        doctor.require(_engine_checks(settings))


def examine(
    settings: Settings, profile: str, *, on_stage: Callable[[str, str], None]
) -> Iterator[probe.Report]:
    """What the sandbox of each profile was found to hold, tried from inside, one profile after the other.

    Args:
        settings: the settings.
        profile: a learner's profile, or `EVERY`.
        on_stage: told of profile and stage before each begins.

    Raises:
        NotFound: no profile of a learner has that name.
        SettingInvalid: the sandbox isolates nothing.
        ImageFault, EngineMissing: there is nothing to examine.
    """
    known = [found.name for found in wiring.tasks(settings).profiles() if found.role is Role.LEARNER]
    if profile != EVERY and profile not in known:
        raise NotFound(f"sandbox: expected a learner's, one of {', '.join(known) or 'none'}, got {profile!r}")
    for name in known if profile == EVERY else [profile]:
        tell = functools.partial(on_stage, name)
        with wiring.by_hand(settings) as box:
            yield probe.examine(box, profile=name, label=wiring.hand_label, on_stage=tell)


def look(settings: Settings) -> list[doctor.Check]:
    """Look at each real part; nothing is raised, what fails is told."""
    return [
        *_told("engine", lambda: _engine_checks(settings)),
        *_told("runtime", lambda: _runtimes(settings)),
        *_told("images", lambda: [_images(settings)]),
        *_told("isolation", lambda: _isolation(settings)),
        *_told("catalog", lambda: [_catalog(settings)]),
        *_told("analyser", lambda: [_analyser()]),
        *_told("database", lambda: [_database(settings)]),
        *_told("blobs", lambda: [_blobs(settings)]),
        *_told("queue", lambda: [_queue(settings)]),
        *_told("keys", lambda: _keys(settings)),
        *_told("issuer", lambda: [_issuer(settings)]),
        *_told("awards", lambda: [_awards(settings)]),
        *_told("room", lambda: _room(settings)),
    ]


def _told(name: str, looked: Callable[[], list[doctor.Check]]) -> list[doctor.Check]:
    try:
        return looked()
    except AssessorError as error:
        return [doctor.Check(name=name, ok=False, found=str(error), mend="see docs/operating.md")]


def _good(name: str, found: str) -> doctor.Check:
    return doctor.Check(name=name, ok=True, found=found, mend="")


def _engine_checks(settings: Settings) -> list[doctor.Check]:
    if settings.sandbox is SandboxKind.UNSAFE_LOCAL:
        return [
            doctor.Check(
                name="sandbox",
                ok=False,
                found="unsafe_local isolates nothing",
                mend="unset ASSESSOR_SANDBOX where work of others is judged",
            )
        ]
    api = engine.connect()
    try:
        return doctor.checks(engine.facts(api), runtime=settings.runtime)
    finally:
        api.close()


def _runtimes(settings: Settings) -> list[doctor.Check]:
    """Of the profiles that name a runtime of their own."""
    asked = {
        found.runtime: f"sandboxes/{found.name}/sandbox.yaml"
        for found in wiring.tasks(settings).profiles()
        if found.runtime
    }
    if not asked or settings.sandbox is not SandboxKind.DOCKER:
        return []
    with contextlib.closing(engine.connect()) as api:
        facts = engine.facts(api)
    return [doctor.knows(facts, runtime, by=by) for runtime, by in asked.items()]


def _images(settings: Settings) -> doctor.Check:
    names = sorted({found.sandbox for found in wiring.tasks(settings).tasks()})
    box = wiring.sandbox(settings)
    try:
        for name in names:
            box.identity(name)
    finally:
        box.close()
    return _good("images", f"{', '.join(names)} and their grader are ready")


def _isolation(settings: Settings) -> list[doctor.Check]:
    """How attempts are sealed here; a host that lets no cell be made is as tight, and slower."""
    try:
        box = wiring.sandbox(settings)
    except EngineMissing:
        return []  # told by the engine's own check
    if not isinstance(box, Docker):
        return []
    told = []
    with contextlib.closing(box):
        for name in sorted({found.sandbox for found in wiring.tasks(settings).tasks()}):
            way = f"{name}: in {box.try_isolation(name)}s"
            told.append(way if box.refused is None else f"{way}, as this host lets no cell be made")
        refused = box.refused
    words = ", ".join(told)
    return [_good("isolation", words if refused is None else f"{words}; it says: {refused}")]


def _catalog(settings: Settings) -> doctor.Check:
    found = wiring.tasks(settings)
    problems = found.problems()
    if problems:
        return doctor.Check(
            name="catalog",
            ok=False,
            found="; ".join(str(problem) for problem in problems),
            mend="mend the files; assessor tasks lock writes a task's manifest",
        )
    return _good("catalog", f"{len(found.ids())} tasks in {settings.catalog}")


def _analyser() -> doctor.Check:
    """What looks at sources for static checks, tried as it is for a submission."""
    shut = inspector.ready()
    tools = inspector.tools(ruff=True)
    away = f"no {' and no '.join(shut)} within its reach" if shut else "network and disk within its reach"
    return _good("analyser", f"Python {tools.python}, ruff {tools.ruff}; {away}")


def _database(settings: Settings) -> doctor.Check:
    opened = wiring.store(settings)
    try:
        counts = opened.counts()
    finally:
        opened.close()
    return _good("database", f"open, {counts.judged} attempts judged, {counts.unjudged} unjudged")


def _blobs(settings: Settings) -> doctor.Check:
    kept = blobs.Blobs.open(settings.blobs_url)
    name = kept.put(b"assessor doctor")
    kept.get(name)
    kept.remove(name)
    return _good("blobs", f"written and read back at {settings.blobs_url}")


def _queue(settings: Settings) -> doctor.Check:
    if settings.redis_url is None and not queueserver.running(settings.home):
        return _good("queue", "embedded server, not running now; assessor up starts it")
    with contextlib.closing(Ring(queueserver.url(settings))) as bell:
        waiting = len(bell.pending())
    return _good("queue", f"answers, {waiting} jobs waiting")


def _keys(settings: Settings) -> list[doctor.Check]:
    """Each key is where it must be, opens, and is the one in use; none is made."""
    told = []
    with contextlib.closing(wiring.store(settings)) as opened:
        held = wiring.keys_of(settings, opened)
        for purpose in Purpose:
            name = f"{purpose.value} key"
            try:
                key = held.look(purpose)
            except KeyFault as error:
                told.append(doctor.Check(name=name, ok=False, found=error.problem, mend=error.mend))
                continue
            if key is None:
                told.append(_good(name, "not used yet; assessor up makes it"))
                continue
            plain = settings.key_passphrase is not None and held.is_plain(purpose)
            told.append(
                doctor.Check(
                    name=name,
                    ok=not plain,
                    found=f"{key.key_id}, {held.where(purpose)}",
                    mend="assessor keys encrypt" if plain else "",
                )
            )
    return told


def _issuer(settings: Settings) -> doctor.Check:
    """Who awards, and whether others can reach what they publish."""
    with contextlib.closing(wiring.store(settings)) as opened:
        held = wiring.keys_of(settings, opened)
        if held.look(Purpose.ISSUER) is None:
            return _good("issuer", "its key is not used yet")
        found = wiring.issuer_of(settings, held)
    why = issuer.doubt(found)
    said = f"{found.name}, {found.did}, published at {found.url}"
    if why is None or found.trial:
        return _good("issuer", said if why is None else f"{said}; {why}")
    return doctor.Check(
        name="issuer", ok=False, found=f"{said}; {why}", mend=f"name a public address in {issuer.PATH}"
    )


def _awards(settings: Settings) -> doctor.Check:
    with contextlib.closing(wiring.store(settings)) as opened:
        lists, given = opened.status_lists(), len(opened.awards())
    late = statuses.late(lists, wiring.now())
    if late:
        return doctor.Check(
            name="awards",
            ok=False,
            found="; ".join(map(statuses.told, late)),
            mend="see that the issuer's key is there and assessor up runs; the sweep signs them",
        )
    return _good("awards", f"{given} given, {len(lists)} status lists signed")


def _room(settings: Settings) -> list[doctor.Check]:
    measured = wiring.gauge(settings)
    try:
        short = measured.pressures()
    finally:
        measured.close()
    if short:
        return [
            doctor.Check(name=one.name, ok=False, found=f"{one.found}, expected {one.limit}", mend=one.mend)
            for one in short
        ]
    return [_good("room", pressure.told(measured.readings()))]
