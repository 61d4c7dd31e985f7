"""A Kattis problem package, read: what problem.yaml says, the statement, the data, the programs.

Comes in: the files of a package, legacy or 2023-07 to 2025-09. Goes out: a `Package`. What it cannot become
is refused with its place: interactive, multi-pass and submit-answer problems, validators that give scores,
files that are put beside submissions. What else does not come along is in its notes.

    <package>/problem.yaml
              problem_statement/ or statement/     problem.<language>.tex|md|pdf
              data/sample/ data/secret/            *.in *.ans, testdata.yaml or test_group.yaml
              output_validators/ or output_validator/
              submissions/<verdict>/

Source: https://www.kattis.com/problem-package-format/spec/
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assessor import authored
from assessor.authoring import (
    kattis_data,
    kattis_folder,
    kattis_programs,
    kattis_statement,
    kattis_submissions,
)
from assessor.authoring.imported import one_line
from assessor.authoring.kattis_data import Data
from assessor.authoring.kattis_submissions import Submission
from assessor.errors import FileInvalid

_VERSIONS = ("legacy", "legacy-icpc", "2023-07-draft", "2023-07", "2025-09-draft", "2025-09")
_KNOWN = {
    "problem_format_version", "type", "name", "license", "source", "source_url", "author", "credits",
    "rights_owner", "limits", "validation", "validator_flags", "validator", "constants", "languages", "uuid",
    "keywords", "version",
}  # fmt: skip
_NO_MATTER = {"uuid", "keywords", "version"}
#: Folders that the package's own tools read and no learner needs.
_OF_THE_PACKAGE = (
    "input_validators", "input_format_validators", "input_validator", "answer_validators", "input_visualizer",
    "output_visualizer", "generators", "solution", "answer_validator",
)  # fmt: skip
_TIME_S = 5.0


@dataclass(frozen=True, kw_only=True)
class Package:
    """A package.

    Attributes:
        name: of its folder.
        title: for people.
        version: of the format.
        scoring: whether it gives points.
        time_s: how long a run may take, seconds.
        memory_mib: or None where it does not say.
        output_mib: or None where it does not say.
        licence: as it stands there.
        owner: whose the rights are, or empty.
        source: where it comes from, or empty.
        authors: their names.
        statement: Markdown, without the title.
        pictures: what the statement shows, by path.
        data: cases and their worth.
        validator: how its own validator is built and run, or None for the default one.
        submissions: those that can be run.
        attachments: what learners get beside the statement, by path.
        languages: ids of languages that it allows; empty for all.
        notes: what did not come along.
    """

    name: str
    title: str
    version: str
    scoring: bool
    time_s: float
    memory_mib: int | None
    output_mib: int | None
    licence: str
    owner: str
    source: str
    authors: tuple[str, ...]
    statement: str
    pictures: Mapping[str, bytes]
    data: Data
    validator: Mapping[str, Any] | None
    submissions: tuple[Submission, ...]
    attachments: Mapping[str, bytes]
    languages: tuple[str, ...]
    notes: tuple[str, ...]


def read(folder: Path) -> Package:
    """The package in a folder.

    Raises:
        FileInvalid: it is none, or cannot be imported; the text says what and where.
    """
    shown = folder.resolve().name
    files = kattis_folder.read(folder, shown)
    if "problem.yaml" not in files:
        raise FileInvalid(f"{shown}/problem.yaml", "expected a problem package, got no such file")
    document = authored.read(files["problem.yaml"], f"{shown}/problem.yaml")
    return _Reader(shown, files, document).package()


class _Reader:
    def __init__(self, shown: str, files: dict[str, bytes], document: authored.Document) -> None:
        self.shown = shown
        self.document = document
        self.values: dict[str, Any] = document.value
        self.notes: list[str] = []
        self.files = self._constants(files)

    def package(self) -> Package:
        self._refuse()
        scoring = "scoring" in self._types()
        validation = self._text("validation") or "default"
        custom = validation.split()[0] == "custom" or (
            self.version != "legacy" and bool(self._under("output_validator"))
        )
        if not custom and (self._under("output_validators") or self._under("output_validator")):
            self.notes.append(
                "output_validators: left out, since problem.yaml asks for the default validator"
            )
        flags = self._flags(custom)
        data = kattis_data.read(self._under("data"), shown=f"{self.shown}/data", flags=flags, scoring=scoring)
        validator = self._validator(scoring) if custom else None
        if validator is None:
            self._check_flags(data)
        limits = self._limits()
        statement, pictures = self._statement()
        submissions, left_out = kattis_submissions.read(
            self._under("submissions"), shown=self.shown, version=self.version, scoring=scoring
        )
        self.notes += left_out
        self._name_the_rest()
        return Package(
            name=self.shown,
            title=self._title(),
            version=self.version,
            scoring=scoring,
            time_s=self._time(limits),
            memory_mib=limits.get("memory"),
            output_mib=limits.get("output"),
            licence=self._licence(),
            owner=one_line(self._text("rights_owner")),
            source=self._source(),
            authors=self._authors(),
            statement=statement,
            pictures=pictures,
            data=data,
            validator=validator,
            submissions=submissions,
            attachments=self._under("attachments"),
            languages=self._languages(),
            notes=(*self.notes, *data.notes),
        )

    @property
    def version(self) -> str:
        return self._text("problem_format_version") or "legacy"

    def _types(self) -> tuple[str, ...]:
        return kattis_data.words(self.document, ("type",), self.values.get("type", "pass-fail"))

    def _refuse(self) -> None:
        """Refuse what no imported task could judge, and name keys that mean nothing here."""
        if self.version not in _VERSIONS:
            raise self._invalid(
                "problem_format_version", f'expected one of {", ".join(_VERSIONS)}, got "{self.version}"'
            )
        for key in ("type", "validation"):
            for word in kattis_data.words(self.document, (key,), self.values.get(key, "")):
                if word in ("interactive", "multi-pass", "submit-answer"):
                    raise self._invalid(
                        key, f'expected a problem of input and output, got "{word}": it cannot be imported'
                    )
                if word == "score":
                    raise self._invalid(
                        key, 'expected a validator that says yes or no, got "score": it cannot be imported'
                    )
        if include := self._under("include"):
            raise FileInvalid(
                f"{self.shown}/include/{min(include)}",
                "expected a package that puts no files beside submissions, got one: it cannot be imported",
            )
        if graders := self._under("graders"):
            raise FileInvalid(
                f"{self.shown}/graders/{min(graders)}",
                "expected the default grader, got one of its own: it cannot be imported",
            )
        self.notes += [
            f"problem.yaml: the key {key} means nothing here" for key in self.values if key not in _KNOWN
        ]
        unused = sorted(set(self.values) & _NO_MATTER)
        if unused:
            self.notes.append(f"problem.yaml: left out, since tasks have no such thing: {', '.join(unused)}")

    def _flags(self, custom: bool) -> tuple[str, ...]:
        value = self.values.get("validator_flags", "")
        return kattis_data.words(self.document, ("validator_flags",), value)

    def _check_flags(self, data: Data) -> None:
        from assessor.authoring import kattis_judge

        for case in data.cases.values():
            try:
                kattis_judge.Flags(list(case.flags))
            except ValueError as error:
                raise self._invalid("validator_flags", f"{case.name}: {error}") from error

    def _validator(self, scoring: bool) -> Mapping[str, Any]:
        files, where = self._under("output_validator"), "output_validator"
        if not files:
            where = "output_validators"
            programs = kattis_folder.programs(self._under(where))
            if len(programs) != 1:
                raise FileInvalid(
                    f"{self.shown}/{where}",
                    f"expected one validator, got {', '.join(sorted(programs)) or 'none'}",
                )
            ((name, files),) = programs.items()
            where = f"{where}/{name}"
        if len({path.split("/")[0] for path in files}) == 1 and all("/" in path for path in files):
            files = {path.split("/", 1)[1]: data for path, data in files.items()}
        if scoring and any(b"score.txt" in data for data in files.values()):
            raise FileInvalid(
                f"{self.shown}/{where}",
                "expected a validator that says yes or no, got one that writes score.txt",
            )
        made = kattis_programs.validator(files)
        if isinstance(made, str):
            raise FileInvalid(
                f"{self.shown}/{where}", f"expected a validator that can be run, got one {made}"
            )
        return made

    def _statement(self) -> tuple[str, dict[str, bytes]]:
        files = self._under("statement") or self._under("problem_statement")
        where = "statement" if self._under("statement") else "problem_statement"
        names = sorted(files, key=lambda one: (not re.fullmatch(r"problem(\.en)?\.(tex|md)", one), one))
        chosen = next((one for one in names if re.fullmatch(r"problem(\.[A-Za-z-]+)?\.(tex|md)", one)), None)
        if chosen is None:
            pdf = next(
                (path for path in self.files if re.fullmatch(rf"(({where})/)?problem[^/]*\.pdf", path)), None
            )
            if pdf is None:
                self.notes.append("the package has no statement: write README.md")
                return "What is asked for must be written here: the package has no statement.", {}
            name = pdf.split("/")[-1]
            self.notes.append(f"{pdf}: the statement is no text; README.md points at it")
            return f"The statement is in [{name}]({name}).", {name: self.files[pdf]}
        text = authored.text(files[chosen], f"{self.shown}/{where}/{chosen}")
        if chosen.endswith(".tex"):
            text, unknown = kattis_statement.from_tex(text)
            if unknown:
                self.notes.append(f"{where}/{chosen}: stays as it is in README.md: {', '.join(unknown[:20])}")
        shown = kattis_statement.pictures(text)
        pictures = {name: files[name] for name in shown if name in files}
        self.notes += [
            f"{where}/{chosen}: the picture {name} is not there" for name in shown if name not in files
        ]
        others = sorted(set(files) - {chosen, *pictures})
        if others:
            self.notes.append(f"{where}: left out: {', '.join(others)}")
        return text, pictures

    def _title(self) -> str:
        name = self.values.get("name", self.shown)
        if isinstance(name, dict):
            name = name.get("en") or next(iter(name.values()), self.shown)
        if not isinstance(name, str):
            raise self._invalid("name", "expected a text, or texts by language")
        return one_line(name)

    def _limits(self) -> dict[str, int]:
        values = self.values.get("limits", {})
        if not isinstance(values, dict):
            raise self._invalid("limits", "expected keys and values")
        found = {}
        for key, value in values.items():
            if key in ("memory", "output"):
                found[key] = max(1, int(kattis_data.fraction(self.document, ("limits", key), value)))
            elif key not in ("time_limit", "time_multiplier", "time_multipliers", "time_safety_margin"):
                self.notes.append(f"problem.yaml: limits.{key} is left out; the profile's limits hold")
        return found

    def _time(self, limits: Mapping[str, int]) -> float:
        """The time limit of a run: the format's own, or where older systems keep it."""
        values = self.values.get("limits", {})
        if "time_limit" in values:
            return float(kattis_data.fraction(self.document, ("limits", "time_limit"), values["time_limit"]))
        for name, pattern in (
            (".timelimit", rb"\s*([0-9.]+)\s*"),
            ("domjudge-problem.ini", rb"timelimit\s*=\s*['\"]?([0-9.]+)"),
        ):
            found = re.search(pattern, self.files.get(name, b""))
            if found:
                return float(found[1])
        self.notes.append(
            f"the package has no time limit: {_TIME_S:g} s a run is a guess; mend tests/plan.json"
        )
        return _TIME_S

    def _licence(self) -> str:
        licence = self._text("license") or "unknown"
        if licence == "unknown":
            self.notes.append("problem.yaml: the licence is unknown: find out by which it may be used")
        return licence

    def _source(self) -> str:
        source = self.values.get("source", "")
        if isinstance(source, tuple):
            source = source[0] if source else ""
        if isinstance(source, dict):
            source = " ".join(str(source[key]) for key in ("name", "url") if key in source)
        return one_line(f"{source} {self._text('source_url')}").strip()

    def _authors(self) -> tuple[str, ...]:
        credits = self.values.get("credits") or self.values.get("author")
        if isinstance(credits, dict):
            credits = credits.get("authors")
        people = credits if isinstance(credits, tuple) else (credits,) if credits else ()
        names = [one.get("name") if isinstance(one, dict) else one for one in people]
        return tuple(one_line(re.sub(r" *<[^>]*>", "", str(name))) for name in names)

    def _languages(self) -> tuple[str, ...]:
        value = self.values.get("languages", ())
        found = kattis_data.words(self.document, ("languages",), value)
        return () if found == ("all",) else found

    def _constants(self, files: dict[str, bytes]) -> dict[str, bytes]:
        """The files with the package's constants in place of their names."""
        constants = self.values.get("constants", {})
        if not isinstance(constants, dict) or not constants:
            return files
        put: dict[bytes, bytes] = {}
        for name, value in constants.items():
            variants = value if isinstance(value, dict) else {"value": value}
            for variant, one in variants.items():
                keys = [f"{name}.{variant}"] + ([name] if variant == "value" else [])
                put |= {f"{{{{{key}}}}}".encode(): str(one).encode() for key in keys}
                put |= {rf"\constant{{{key}}}".encode(): str(one).encode() for key in keys}
        made = {}
        for path, data in files.items():
            if not path.startswith(("data/", "attachments/")) and path != "problem.yaml":
                for name_, value_ in put.items():
                    data = data.replace(name_, value_)
            made[path] = data
        return made

    def _name_the_rest(self) -> None:
        tops = {path.split("/")[0] for path in self.files}
        known = {"problem.yaml", "data", "submissions", "statement", "problem_statement", "attachments"}
        known |= {
            "output_validators",
            "output_validator",
            ".timelimit",
            "domjudge-problem.ini",
            "problem.pdf",
        }
        quiet = sorted(tops & set(_OF_THE_PACKAGE))
        if quiet:
            self.notes.append(f"left out, for the package's own tools: {', '.join(quiet)}")
        self.notes += [f"{top}: left out" for top in sorted(tops - known - set(_OF_THE_PACKAGE))]

    def _under(self, folder: str) -> dict[str, bytes]:
        return {p.removeprefix(f"{folder}/"): d for p, d in self.files.items() if p.startswith(f"{folder}/")}

    def _text(self, key: str) -> str:
        value = self.values.get(key, "")
        if not isinstance(value, str):
            raise self._invalid(key, "expected text")
        return str(value)

    def _invalid(self, key: str, problem: str) -> FileInvalid:
        return self.document.invalid((key,), problem)
