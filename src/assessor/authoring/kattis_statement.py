r"""The statement of a Kattis problem package as Markdown.

Comes in: `problem.<language>.md` or `.tex`. Goes out: Markdown, and the names of what was not understood.
Only what statements use every day is turned: sections, lists, emphasis, quotes, pictures, links; formulas
stay as they are between dollars. A command that is not known stays where it is and is named.
"""

from __future__ import annotations

import re

_HEADINGS = {"section": "##", "subsection": "###", "subsubsection": "####"}
_MARKS = {
    "emph": "*",
    "textit": "*",
    "textbf": "**",
    "textsc": "",
    "texttt": "`",
    "underline": "",
    "text": "",
}
_SILENT = re.compile(
    r"\\(?:noindent|centering|hline|bigskip|medskip|smallskip|newpage|small|large|normalsize|hfill|par)\b"
)
_FORMULA = re.compile(r"\$\$.+?\$\$|\$.+?\$|\\\(.+?\\\)|\\\[.+?\\\]", re.DOTALL)
_PICTURE = re.compile(
    r"\\(?:includegraphics(?:\[[^\]]*\])?\{([^}]*)\}|illustration\{[^}]*\}\{([^}]*)\}\{[^}]*\})"
)
_ENVIRONMENT = re.compile(r"\\(begin|end)\{([a-z]+\*?)\}(?:\[[^\]]*\])?")
_KEPT = ("tabular", "verbatim", "lstlisting", "table", "array", "equation", "align")


def from_tex(source: str) -> tuple[str, tuple[str, ...]]:
    """The Markdown of a LaTeX statement, and the commands that were not understood, each once."""
    text = re.sub(r"(?<!\\)%.*", "", source)
    text = re.sub(r"\\problemname\{.*?\}\s*", "", text)
    held: list[str] = []

    def hold(match: re.Match[str]) -> str:
        found = match[0]
        if found.startswith(r"\("):
            found = f"${found[2:-2]}$"
        elif found.startswith(r"\["):
            found = f"$${found[2:-2]}$$"
        held.append(found)
        return f"\x00{len(held) - 1}\x00"

    text = _FORMULA.sub(hold, text)
    text = re.sub(r"\\([%&#_{}$])", r"\1", text)
    for name, mark in _HEADINGS.items():
        text = re.sub(rf"\\{name}\*?\{{(.*?)\}}", rf"\n{mark} \1\n", text)
    for name, mark in _MARKS.items():
        text = re.sub(rf"\\{name}\{{([^{{}}]*)\}}", rf"{mark}\1{mark}", text)
    text = _PICTURE.sub(lambda found: f"![{found[1] or found[2]}]({found[1] or found[2]})", text)
    text = re.sub(r"\\href\{([^}]*)\}\{([^}]*)\}", r"[\2](\1)", text)
    text = re.sub(r"\\url\{([^}]*)\}", r"<\1>", text)
    text = _lists(text)
    text = _SILENT.sub("", text).replace("``", '"').replace("''", '"').replace("~", " ")
    text = text.replace(r"\ldots", "…").replace(r"\dots", "…").replace("---", "—").replace("--", "\u2013")
    unknown = dict.fromkeys(re.findall(r"\\[A-Za-z]+(?:\{[a-z]+\})?", text))
    text = re.sub("\x00(\\d+)\x00", lambda found: held[int(found[1])], text)
    return re.sub(r"\n{3,}", "\n\n", text).strip(), tuple(unknown)


def _lists(text: str) -> str:
    """Items of lists with their marks, nested by four blanks; other environments lose their brackets."""
    made, kinds = [], []
    for line in text.splitlines():
        for kind, name in _ENVIRONMENT.findall(line):
            if name in ("itemize", "enumerate"):
                if kind == "begin":
                    kinds.append("1." if name == "enumerate" else "-")
                elif kinds:
                    kinds.pop()
        line = _ENVIRONMENT.sub(lambda found: found[0] if found[2] in _KEPT else "", line)
        item = re.match(r"\s*\\item\s*(.*)", line)
        if item and kinds:
            line = "    " * (len(kinds) - 1) + f"{kinds[-1]} {item[1]}"
        elif kinds and line.strip():
            line = "    " * len(kinds) + line.strip()
        made.append(line)
    return "\n".join(made)


def pictures(text: str) -> tuple[str, ...]:
    """What a statement shows from its own folder, each once."""
    found = re.findall(r"!\[[^\]]*\]\(([^)\s]+)\)", text)
    return tuple(dict.fromkeys(one for one in found if not re.match(r"[a-z]+:", one)))
