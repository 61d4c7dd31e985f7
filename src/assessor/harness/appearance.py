"""How functions and classes of the submission's look to `inspect`: names, signatures, source.

Comes in: what the learner's side says of them, word for word. Goes out: attributes of their proxies.
"""

from __future__ import annotations

import functools
import inspect
import linecache
from typing import Any

from . import remote, wire
from .calls import Op


def dress(target: Any, data: dict[str, Any]) -> None:
    """Give a function or class the names and the docstring of the one it stands for."""
    for attribute, key in (("__name__", "name"), ("__qualname__", "qualname")):
        if isinstance(data.get(key), str):
            setattr(target, attribute, data[key])
    target.__module__ = data["module"] if isinstance(data.get("module"), str) else None
    target.__doc__ = data["doc"] if isinstance(data.get("doc"), str) else None


class _Shown:
    """A value that is only ever shown: a default or an annotation that did not cross."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def unshown(value: Any) -> Any:
    """A default or an annotation as it crossed, or something that only looks like it."""
    if type(value) is dict:
        return _Shown(str(value.get("repr")))
    return tuple(unshown(item) for item in value) if type(value) is tuple else value


def signature(said: Any) -> inspect.Signature | None:
    """The signature that was described, if any was.

    Raises:
        wire.WireError: it makes no sense.
    """
    if type(said) is not list:
        return None
    empty = inspect.Parameter.empty
    try:
        parameters, has_return, returned = said
        return inspect.Signature(
            [
                inspect.Parameter(
                    name,
                    inspect._ParameterKind(kind),
                    default=unshown(default) if has_default else empty,
                    annotation=unshown(annotation) if has_annotation else empty,
                )
                for name, kind, has_default, default, has_annotation, annotation in parameters
            ],
            return_annotation=unshown(returned) if has_return else empty,
        )
    except (ValueError, TypeError) as error:
        raise wire.WireError(f"expected a signature, got {error}") from error


def source_name(module: str) -> str:
    """The file name under which a module's source is shown; it is fetched when somebody looks."""
    name = f"<submission>/{module.replace('.', '/')}.py"
    if name not in linecache.cache:
        linecache.cache[name] = (functools.partial(_source, module),)
    return name


def _source(module: str) -> str:
    return str(remote.operate("source", remote.bridge().request(Op.LOAD, module)))
