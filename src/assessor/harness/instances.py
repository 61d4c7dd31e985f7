"""Instances of the submission's classes: objects, plain data with a class of its own, exceptions.

Here are the bases of their stand-in classes; those classes are made by `classes`.
"""

from __future__ import annotations

from typing import Any

from . import remote
from .calls import Op


class Object:
    """An instance of a class of the submission's, or of a library class that does not cross as data."""

    __slots__ = ("__weakref__", remote.REF)
    _assessor_proxy = True

    def __getattr__(self, name: str) -> Any:
        __tracebackhide__ = True
        if name.startswith("__") and name.endswith("__"):
            # Special attributes would let an object pose as what the test's libraries ask for.
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        b, handle = remote.handle(self)
        return b.request(Op.GET, handle, name)

    def __setattr__(self, name: str, value: Any) -> None:
        __tracebackhide__ = True
        local = getattr(type(self), name, None)
        if isinstance(local, property) and local.fset is not None:
            object.__setattr__(self, name, value)
            return
        b, handle = remote.handle(self)
        b.request(Op.SET, handle, name, value)

    def __delattr__(self, name: str) -> None:
        __tracebackhide__ = True
        b, handle = remote.handle(self)
        b.request(Op.DELETE, handle, name)

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        """The instance's attributes, by value."""
        try:
            found = remote.operate("vars", self)
        except TypeError as error:
            raise AttributeError("__dict__") from error
        return found if type(found) is dict else {}

    def __repr__(self) -> str:
        return str(remote.operate("repr", self))

    def __dir__(self) -> list[str]:
        return [str(name) for name in remote.operate("dir", self)]


class AsyncGenerator(Object):
    """An asynchronous generator on the other side."""

    __slots__ = ()

    def __aiter__(self) -> AsyncGenerator:
        return self

    async def __anext__(self) -> Any:
        return remote.operate("await", remote.operate("anext", self), False)

    async def aclose(self) -> None:
        """Close it."""
        await remote.method(self, "aclose")


class ValueMixin:
    """An instance of a subclass of an immutable built-in: plain data here, and what else it has there."""

    _assessor_proxy = True

    def __getattr__(self, name: str) -> Any:
        __tracebackhide__ = True
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        b, handle = remote.handle(self)
        return b.request(Op.GET, handle, name)


class RaisedMixin:
    """An exception of a class of the submission's."""

    _assessor_proxy = True
    _assessor_text: str | None = None

    def __getattr__(self, name: str) -> Any:
        __tracebackhide__ = True
        if name.startswith(("__", "_assessor_")):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        b, handle = remote.handle(self)
        return b.request(Op.GET, handle, name)

    def __str__(self) -> str:
        return self._assessor_text if self._assessor_text is not None else super().__str__()
