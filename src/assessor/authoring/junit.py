"""Checks as JUnit XML, which every CI system shows.

Comes in: what checks came to. Goes out: bytes: one suite for each task, one test case for each gate.
Source: the JUnit schema as Jenkins, GitLab and GitHub's reporters read it (there is no standard).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from assessor.authoring.check import Checked
from assessor.authoring.finding import Gated, State

#: Characters that XML 1.0 cannot hold. Source: XML 1.0, 2.2.
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_COUNTED = {"failures": State.FAILED, "errors": State.BROKEN, "skipped": State.SKIPPED}


def dump(checks: Sequence[Checked]) -> bytes:
    """The XML of these checks."""
    root = Element("testsuites", name="assessor tasks check")
    for checked in checks:
        suite = SubElement(root, "testsuite", name=checked.task_id, tests=str(len(checked.gates)))
        for name, state in _COUNTED.items():
            suite.set(name, str(sum(one.state is state for one in checked.gates)))
        suite.set("time", f"{checked.seconds:.3f}")
        for gated in checked.gates:
            _case(suite, checked.task_id, gated)
    indent(root)
    text: str = tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'.encode()


def _case(suite: Element, task_id: str, gated: Gated) -> None:
    time = f"{gated.seconds:.3f}"
    case = SubElement(suite, "testcase", classname=f"tasks.{task_id}", name=gated.gate.value, time=time)
    serious = [one for one in gated.found.findings if one.serious]
    others = [one for one in gated.found.findings if not one.serious]
    if gated.state is State.SKIPPED:
        SubElement(case, "skipped", message=_legal(gated.found.told))
    elif serious:
        kind = "failure" if gated.state is State.FAILED else "error"
        told = SubElement(case, kind, message=_legal(str(serious[0])), type=gated.gate.value)
        told.text = _legal("\n".join(f"{one}\n{one.detail}".strip() for one in serious))
    if others and gated.state is not State.SKIPPED:
        said = SubElement(case, "system-out")
        said.text = _legal("\n".join(f"{one}\n{one.detail}".strip() for one in others))


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", text)
