"""What every proxy says over the bridge: requests on the object that it stands for.

Comes in: proxies. Goes out: what the other side answers. How a proxy looks is left to the file of its kind.
"""

from __future__ import annotations

from typing import Any

from .bridge import Bridge
from .calls import Op

#: Where a proxy keeps its place on the other side, and where a class does, whose instances have one too.
REF = "_assessor_ref"
CLASS_REF = "_assessor_class_ref"
_BRIDGE: list[Bridge] = []


def attach(bridge: Bridge) -> None:
    """Let proxies speak over this bridge; done once, by the grader."""
    _BRIDGE[:] = [bridge]


def bridge() -> Bridge:
    """The bridge in use."""
    return _BRIDGE[0]


def handle(value: Any) -> tuple[Bridge, int]:
    """The bridge, and the handle of a proxy's object on it."""
    b = _BRIDGE[0]
    if isinstance(value, type):
        return b, b.handle(vars(value)[CLASS_REF])
    return b, b.handle(object.__getattribute__(value, REF))


def class_handle(cls: type) -> tuple[Bridge, int]:
    """As `handle`, of a class."""
    b = _BRIDGE[0]
    return b, b.handle(vars(cls)[CLASS_REF])


def operate(name: str, *operands: Any) -> Any:
    """The result of an operation on the learner's side."""
    return _BRIDGE[0].request(Op.OPERATE, name, *operands)


def method(far: Any, name: str, *args: Any, **kwargs: Any) -> Any:
    """The result of a method on the learner's side."""
    b, number = handle(far)
    return b.request(Op.METHOD, number, name, kwargs or None, *args)


def keep(owner: Any, name: str, kept: dict[str, Any]) -> None:
    """Remember what a module or class has under a name before a test puts something else there."""
    if name not in kept:
        kept[name] = operate("static", owner, name)


def give_back(owner: Any, name: str, kept: dict[str, Any]) -> bool:
    """Put back what was there; whether there was anything.

    `monkeypatch` and `mock.patch` delete what they set on an owner whose `__dict__` seems not to have had it.
    """
    original = kept.pop(name, None)
    if not original:
        return False
    operate("restore", owner, name, original[0])
    return True
