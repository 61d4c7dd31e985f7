"""The programs of a Kattis problem package: in which language they are, how they are built and run.

Comes in: the files of one program. Goes out: a `Program`, its entry named as the task asks for it. Running
it is left to `kattis_judge`, in the task's own tests.

Source: Kattis problem package format, "Programs" and its table of languages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

#: Removes what a submission brought under the name of what is to be built, then enters the folder.
_ENTER = 'cd "$0" && rm -rf program program.jar classes && '
_C = _ENTER + "gcc -x c -std=gnu17 -O2 -pipe -o program *.c -lm"
_CPP = _ENTER + (
    "g++ -std=gnu++20 -O2 -pipe -o program "
    "$(find . -maxdepth 1 -name '*.cpp' -o -maxdepth 1 -name '*.cc' -o -maxdepth 1 -name '*.cxx' "
    "-o -maxdepth 1 -name '*.c++' -o -maxdepth 1 -name '*.C')"
)
#: A public class must stand in a file of its name; the task asks for Main.java, whatever it holds.
_JAVA = _ENTER + (
    "mkdir classes && for f in *.java; do "
    "c=$(sed -nE 's/^ *public +(final +|abstract +)*(class|interface|enum|record) +([A-Za-z0-9_]+).*/\\3/p' "
    '"$f" | head -n 1); if [ -n "$c" ] && [ "$c.java" != "$f" ]; then mv "$f" "$c.java"; fi; done && '
    "javac -J-XX:-UsePerfData -J-Xmx256m -encoding UTF-8 -d classes *.java && "
    "f=$(grep -lE 'static +(public +)?void +main' *.java | head -n 1) && "
    "p=$(sed -nE 's/^ *package +([A-Za-z0-9_.]+).*/\\1./p' \"$f\" | head -n 1) && "
    'c=$(basename "$f" .java) && if [ ! -e "classes/$(echo "$p" | tr . /)$c.class" ]; then '
    "c=$(sed -nE 's/.*class +([A-Za-z0-9_]+).*/\\1/p' \"$f\" | head -n 1); fi && "
    'jar -J-XX:-UsePerfData -J-Xmx256m --create --file program.jar --main-class "$p$c" -C classes .'
)
#: What is not a program in the language at all is told before the first case, as if it were compiled.
_PYTHON = 'cd "$0" && python3 -c '
_PYTHON += '\'import sys; [compile(open(f, "rb").read(), f, "exec") for f in sys.argv[1:]]\' *.py'
_JAVASCRIPT = 'cd "$0" && for f in *.js; do node --check "$f" || exit 1; done'
_ASK = 'cd "$0" && mkdir -p feedback && chmod +x program && '
_ASK += 'exec ./program judge.in judge.ans feedback/ "$@" < team.out'
_NATIVE = ["sh", "-c", 'chmod +x program && exec ./program "$@"', "sh"]


@dataclass(frozen=True, kw_only=True)
class Language:
    """A language that tasks can be made for.

    Attributes:
        id: as the format calls it.
        name: for people.
        sandbox: the profile that has it.
        entry: the file that a submission must hold.
        endings: of sources and of what they include.
        build: a shell script that makes `made` in the folder `$0`, or fails if the sources are none.
        made: names of what building makes.
        run: the command.
        nothing: a program that reads nothing and prints nothing: the starter.
    """

    id: str
    name: str
    sandbox: str
    entry: str
    endings: tuple[str, ...]
    build: str
    made: tuple[str, ...]
    run: tuple[str, ...]
    nothing: str

    @property
    def allow(self) -> list[str]:
        """Patterns of what may be handed in."""
        return [f"*{ending}" for ending in self.endings]

    def plan(self) -> dict[str, Any]:
        """How `kattis_judge` is told of it."""
        return {"build": self.build, "made": list(self.made), "run": list(self.run)}


LANGUAGES = (
    Language(
        id="python3",
        name="Python 3",
        sandbox="python",
        entry="main.py",
        endings=(".py",),
        build=_PYTHON,
        made=(),
        run=("python3", "main.py"),
        nothing='"""Reads the input, prints the answer."""\n',
    ),
    Language(
        id="cpp",
        name="C++",
        sandbox="c-cpp",
        entry="main.cpp",
        endings=(".cpp", ".cc", ".cxx", ".c++", ".C", ".h", ".hh", ".hpp", ".hxx"),
        build=_CPP,
        made=("program",),
        run=tuple(_NATIVE),
        nothing="int main() { return 0; }\n",
    ),
    Language(
        id="c",
        name="C",
        sandbox="c-cpp",
        entry="main.c",
        endings=(".c", ".h"),
        build=_C,
        made=("program",),
        run=tuple(_NATIVE),
        nothing="int main(void) { return 0; }\n",
    ),
    Language(
        id="java",
        name="Java",
        sandbox="java",
        entry="Main.java",
        endings=(".java",),
        build=_JAVA,
        made=("program.jar",),
        run=(
            "java",
            "-Xss64m",
            "-Xmx512m",
            "-XX:-UsePerfData",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-jar",
            "program.jar",
        ),
        nothing="public class Main {\n    public static void main(String[] args) {\n    }\n}\n",
    ),
    Language(
        id="javascript",
        name="JavaScript (Node.js)",
        sandbox="node",
        entry="main.js",
        endings=(".js",),
        build=_JAVASCRIPT,
        made=(),
        run=("node", "main.js"),
        nothing="// Reads the input, prints the answer.\n",
    ),
)
BY_ID = {one.id: one for one in LANGUAGES}
#: Endings of languages that no profile has, so that they can be named.
OTHERS = {
    ".kt": "Kotlin", ".rs": "Rust", ".go": "Go", ".hs": "Haskell", ".rb": "Ruby", ".php": "PHP",
    ".pl": "Perl", ".cs": "C#", ".scala": "Scala", ".ml": "OCaml", ".lisp": "Common Lisp",
    ".pas": "Pascal", ".lua": "Lua",
    ".sh": "shell", ".awk": "AWK", ".swift": "Swift", ".R": "R", ".adb": "Ada", ".f95": "Fortran",
}  # fmt: skip
_MAIN = {
    "python3": rb"__main__",
    "c": rb"\bmain\s*\(",
    "cpp": rb"\bmain\s*\(",
    "java": rb"\bvoid\s+main\s*\(",
    "javascript": rb"require\(",
}


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program that can be built and run.

    Attributes:
        language: its language.
        files: by path, the entry under the language's own name.
        left_out: names of files that are neither sources nor headers.
    """

    language: Language
    files: Mapping[str, bytes]
    left_out: tuple[str, ...]


def read(files: Mapping[str, bytes]) -> Program | str:
    """The program in these files, or why it is none that can be taken.

    Args:
        files: of one program, by path in its folder.
    """
    language = _language(files)
    if isinstance(language, str):
        return language
    sources = {
        path: data for path, data in files.items() if path.endswith(language.endings) and "/" not in path
    }
    entry = _entry(sources, language)
    if entry is None:
        return f"expected to know by which of {', '.join(sorted(sources))} it starts"
    renamed = {language.entry if path == entry else path: data for path, data in sources.items()}
    if len(renamed) < len(sources):
        return f"expected one file that could be {language.entry}, got two"
    return Program(
        language=language, files=renamed, left_out=tuple(path for path in files if path not in sources)
    )


def _language(files: Mapping[str, bytes]) -> Language | str:
    found = {
        one.id: one
        for one in LANGUAGES
        for path in files
        if path.endswith(one.endings) and not path.endswith((".h", ".hh", ".hpp", ".hxx"))
    }
    if len(found) == 1:
        (language,) = found.values()
        shebangs = [data.splitlines()[0] for data in files.values() if data.startswith(b"#!")]
        if language.id == "python3" and any(re.search(rb"python2", line) for line in shebangs):
            return "written in Python 2, which no profile has"
        return language
    if found:
        return f"written in several languages: {', '.join(sorted(found))}"
    endings = sorted({PurePosixPath(path).suffix for path in files})
    names = [OTHERS.get(ending, f"{ending or 'no ending'}") for ending in endings]
    return f"written in {', '.join(names)}, which no profile has"


def _entry(sources: Mapping[str, bytes], language: Language) -> str | None:
    candidates = [path for path in sources if not path.endswith((".h", ".hh", ".hpp", ".hxx"))]
    named = [path for path in candidates if PurePosixPath(path).stem.lower() == "main"]
    if len(named) == 1:
        return named[0]
    if len(candidates) == 1:
        return candidates[0]
    having = [path for path in candidates if re.search(_MAIN[language.id], sources[path])]
    return having[0] if len(having) == 1 else None


def validator(files: Mapping[str, bytes]) -> dict[str, Any] | str:
    """How `kattis_judge` builds and runs a validator, with the profile it needs; or why it cannot.

    Args:
        files: of the validator, by path in its folder.
    """
    if any(path in ("build", "run") for path in files):
        return "built by a script of its own (build, run)"
    if any("/" in path for path in files):
        return "kept in folders"
    found = read(files)
    if isinstance(found, str):
        return found
    language = found.language
    if language.id not in ("python3", "c", "cpp"):
        return f"written in {language.name}; Python, C and C++ can be run"
    native = language.id != "python3"
    return {
        "build": language.build if native else "",
        "made": list(language.made),
        "run": _ASK if native else "",
        "files": dict(found.files),
        "native": native,
    }
