"""The example submissions of a problem package, and how each must fare.

Comes in: the files under submissions/. Goes out: `Submission`s whose outcome is known, with the ways in which
they must fail; the others are named. Running them is left to the proof.

    submissions/<verdict>/<program>     the folder says how it fares
                submissions.yaml        2023-07 and later: says it anew, for what matches a pattern

What a folder means depends on the format. Legacy judging stops at the first case that is not accepted: that
one must fail in the folder's way. Later formats judge all cases: each outcome must be permitted, and one of
those that are required must occur.

Source: Kattis problem package format, "Example submissions"; DOMjudge's manual, "Verifying jury solutions".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from assessor import authored
from assessor.authoring import kattis_data, kattis_folder, kattis_programs
from assessor.authoring.kattis_programs import Program

#: What a folder of submissions says: whether they are right, and in which words they are wrong.
VERDICTS: Mapping[str, str] = {
    "accepted": "",
    "wrong_answer": "it prints a wrong answer",
    "run_time_error": "it ends with a run-time error",
    "runtime_error": "it ends with a run-time error",
    "run-error": "it ends with a run-time error",
    "time_limit_exceeded": "it takes too long",
    "output_limit": "it prints too much",
    "memory_limit_exceeded": "it needs too much memory",
    "partially_accepted": "it earns a part of the points",
    "compiler_error": "it cannot be compiled",
    "no_output": "it prints nothing",
    "rejected": "it is not accepted",
    "brute_force": "it is right but takes too long or ends with a run-time error",
}
_RUN = "assertion: Failed: run-time error*"
_WRONG = "assertion: Failed: wrong answer"
#: How tests fail by a folder's word, as expect.yaml has it. A program without an end is stopped by the limit
#: that it hits first, and one that is refused memory or a process may end or be ended.
_WAYS: Mapping[str, tuple[str, ...]] = {
    "wrong_answer": (f"{_WRONG}*",),
    "no_output": (f"{_WRONG}: expected * tokens, got 0;*",),
    "time_limit_exceeded": ("timeout*", "output*", "processes*"),
    "run_time_error": (_RUN, "memory*", "processes*", "disk*", "crash*"),
    "memory_limit_exceeded": ("memory*", _RUN),
    "output_limit": ("output*",),
    "compiler_error": ("assertion: Failed: compile error*", "timeout*", "memory*", "output*", "disk*"),
}
_SAME = {"runtime_error": "run_time_error", "run-error": "run_time_error"}
#: Later formats' words for outcomes, and the folders that stand for them.
_OUTCOMES = {"WA": "wrong_answer", "TLE": "time_limit_exceeded", "RTE": "run_time_error"}
_ALL = frozenset({"AC", *_OUTCOMES})
_LEGACY = ("legacy", "legacy-icpc")
_YAML = "submissions.yaml"
_REQUIREMENTS = ("permitted", "required")
#: Keys that change nothing about how a submission must fare.
_ASIDE = ("authors", "model_solution", "use_for_time_limit", "language", "entrypoint")


@dataclass(frozen=True, kw_only=True)
class Submission:
    """One of the package's example submissions.

    Attributes:
        verdict: the name of its folder, or of DOMjudge's tag in it.
        name: of the file or folder.
        program: what it is.
        failures: how it must fail, as expect.yaml's `failures`; empty for any way, and for what is accepted.
    """

    verdict: str
    name: str
    program: Program
    failures: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Needed:
    """Outcomes of which all cases must have one, and sets of outcomes of which some case must have one."""

    permitted: frozenset[str] = _ALL
    required: tuple[frozenset[str], ...] = ()

    def and_also(self, other: _Needed) -> _Needed:
        return _Needed(permitted=self.permitted & other.permitted, required=(*self.required, *other.required))


@dataclass(frozen=True, kw_only=True)
class _Rules:
    """What submissions.yaml needs, by pattern; nothing, if there is none."""

    document: authored.Document | None
    needed: Mapping[str, _Needed]

    def of(self, path: str) -> _Needed:
        """What is needed of a submission. A folder's own key stands for the folder, any other pattern adds.

        Raises:
            FileInvalid: what is required is not permitted.
        """
        folder = path.split("/")[0]
        found = self.needed.get(folder, _folders().get(folder, _Needed()))
        matching = [one for one in self.needed if one != folder and _matches(one, path)]
        for pattern in matching:
            found = found.and_also(self.needed[pattern])
        unmet = [one for one in found.required if not one & found.permitted]
        if self.document is not None and (unmet or not found.permitted):
            raise self.document.invalid(
                ((matching or [folder])[-1],),
                f"expected outcomes of {path} that can be, got permitted {_listed(found.permitted)}"
                + "".join(f", required {_listed(one)}" for one in unmet),
            )
        return found


@dataclass(frozen=True, kw_only=True)
class _Fate:
    """How a submission must fare: it passes, or fails in these ways; in any way where there are none."""

    passes: bool
    failures: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def _folders() -> dict[str, _Needed]:
    """What folders mean in later formats, where submissions.yaml says nothing else."""
    found = {
        folder: _Needed(permitted=frozenset({"AC", word}), required=(frozenset({word}),))
        for word, folder in _OUTCOMES.items()
    }
    slow = frozenset({"RTE", "TLE"})
    return found | {
        "accepted": _Needed(permitted=frozenset({"AC"})),
        "rejected": _Needed(required=(frozenset(_OUTCOMES),)),
        "brute_force": _Needed(permitted=slow | {"AC"}, required=(slow,)),
    }


def read(
    files: Mapping[str, bytes], *, shown: str, version: str, scoring: bool
) -> tuple[tuple[Submission, ...], tuple[str, ...]]:
    """The submissions whose outcome is known and that can be run, and what did not come along.

    Args:
        files: by path under submissions/.
        shown: the package, as its author knows it.
        version: of the format.
        scoring: whether the problem gives points.

    Raises:
        FileInvalid: submissions.yaml is wrong.
    """
    legacy = version in _LEGACY
    notes = [f"submissions/{path}: left out" for path in files if "/" not in path and path != _YAML]
    rules = _Rules(document=None, needed={})
    if _YAML in files:
        if legacy:
            notes.append(f"submissions/{_YAML}: left out, the legacy format has none")
        else:
            rules = _rules(authored.read(files[_YAML], f"{shown}/submissions/{_YAML}"), notes)
    found, seen = [], set[str]()
    for folder in sorted({path.split("/")[0] for path in files if "/" in path}):
        inside = {p.removeprefix(f"{folder}/"): one for p, one in files.items() if p.startswith(f"{folder}/")}
        for name, sources in sorted(kattis_folder.programs(inside).items()):
            where = f"submissions/{folder}/{name}"
            seen.add(f"{folder}/{name}")
            tags = kattis_folder.tagged(sources)
            verdict = tags[0] if tags else folder
            if tags or legacy or (folder == "partially_accepted" and scoring):
                fate = _of_words(tags or (folder,), scoring)
            else:
                fate = _of_rules(f"{folder}/{name}", rules, where, notes)
            if fate is None:
                words = " or ".join(tags or (folder,))
                notes.append(f"{where}: left out, since {words} does not say how it must end")
                continue
            program = kattis_programs.read(sources)
            if isinstance(program, str):
                notes.append(f"{where}: left out, {program}")
                continue
            notes += [f"{where}/{path}: left out, no source" for path in program.left_out]
            if fate.passes:
                verdict = "accepted"
            elif verdict not in VERDICTS or verdict == "accepted":
                verdict = "rejected"
            found.append(Submission(verdict=verdict, name=name, program=program, failures=fate.failures))
    notes += [
        f"submissions/{_YAML}: {pattern}: left out, it means no submission"
        for pattern in rules.needed
        if not any(_matches(pattern, path) for path in seen)
    ]
    return tuple(found), tuple(notes)


def _of_words(words: Sequence[str], scoring: bool) -> _Fate | None:
    """What a legacy folder or DOMjudge's tags say; None where they do not say how it must end."""
    plain = [_SAME.get(word, word) for word in words]
    if plain == ["accepted"]:
        return _Fate(passes=True)
    if any(word not in VERDICTS or word in ("accepted", "brute_force") for word in plain):
        return None
    if "partially_accepted" in plain and not scoring:
        return None
    if not all(word in _WAYS for word in plain):
        return _Fate(passes=False)
    return _Fate(passes=False, failures={"first": _ways(plain)})


def _of_rules(path: str, rules: _Rules, where: str, notes: list[str]) -> _Fate | None:
    """What is said of a later format's submission; None where nothing says that it must pass or must fail."""
    needed = rules.of(path)
    if needed.permitted == {"AC"}:
        return _Fate(passes=True)
    failing = sorted(
        {one for one in needed.required if "AC" not in one}, key=lambda one: (len(one), sorted(one))
    )
    if not failing:
        return None
    if any(not failing[0] <= one for one in failing[1:]) or frozenset({"AC"}) in needed.required:
        notes.append(f"{where}: of what it requires, {_listed(failing[0])} alone is tried")
    permitted, required = needed.permitted - {"AC"}, failing[0] & needed.permitted
    ways: dict[str, tuple[str, ...]] = {}
    if permitted < set(_OUTCOMES):
        ways["every"] = _ways(_OUTCOMES[one] for one in sorted(permitted))
    if required < permitted:
        ways["some"] = _ways(_OUTCOMES[one] for one in sorted(required))
    return _Fate(passes=False, failures=ways)


def _ways(words: Iterable[str]) -> tuple[str, ...]:
    """The patterns of several words, each once."""
    return tuple(dict.fromkeys(pattern for word in words for pattern in _WAYS[word]))


def _rules(document: authored.Document, notes: list[str]) -> _Rules:
    """What submissions.yaml requires, by pattern.

    Raises:
        FileInvalid: it is not as the format has it.
    """
    found = {}
    for pattern, value in document.value.items():
        if not isinstance(value, dict):
            raise document.invalid((pattern,), "expected keys and values")
        needed = _folders().get(pattern, _Needed())
        for key, words in value.items():
            if key in _REQUIREMENTS:
                needed = _changed(needed, key, _outcomes(document, (pattern, key), words))
            elif key not in _ASIDE:
                notes.append(f"submissions/{_YAML}: {pattern}: {key} is left out")
        found[pattern] = needed
    return _Rules(document=document, needed=found)


def _changed(needed: _Needed, key: str, words: frozenset[str]) -> _Needed:
    if key == "permitted":
        return _Needed(permitted=words, required=needed.required)
    return _Needed(permitted=needed.permitted, required=(words,))


def _outcomes(document: authored.Document, loc: authored.Loc, value: Any) -> frozenset[str]:
    words = frozenset(kattis_data.words(document, loc, value))
    if not words or not words <= _ALL:
        raise document.invalid(
            loc, f"expected some of {', '.join(sorted(_ALL))}, got {', '.join(sorted(words)) or 'none'}"
        )
    return words


def _listed(words: Iterable[str]) -> str:
    return " or ".join(sorted(words)) or "nothing"


def _matches(pattern: str, path: str) -> bool:
    """Whether a pattern means this submission or a folder that it lies in; * stays in one name."""
    escaped = re.escape(pattern).replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
    groups = re.sub(r"\\\{([^{}]*)\\\}", lambda one: "(?:" + one[1].replace(",", "|") + ")", escaped)
    return re.fullmatch(f"{groups}(?:/.*)?", path) is not None
