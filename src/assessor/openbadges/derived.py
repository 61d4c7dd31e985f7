"""What pyld derives from contexts, kept so that it is not derived anew for each node of each document.

Comes in: contexts of the known set, as `graph` meets them. Goes out: the same as from pyld's own resolver,
sooner. pyld keeps what it made of a context by the mark of the context within which it was made. But one that
is tied to a type is made within a *fresh copy* of the one before it, whose mark is new each time, so nothing
of that is ever found again. The copy differs from its original in nothing but that it names it: here it goes
by the original's mark. That takes two fifths off the time of a signature.

Only finished originals count, never one that is still being made. What a document defines by itself does not
come this far: such documents are refused before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from frozendict import frozendict
from pyld.context_resolver import ContextResolver


class Derived:
    """What was derived from one set of contexts; not for two threads at once."""

    def __init__(self) -> None:
        self._shared: dict[str, Any] = {}

    def resolver(self, load: Callable[..., dict[str, Any]]) -> Resolver:
        """A resolver for one operation.

        Args:
            load: gives the document of a URL, as pyld wants it.
        """
        return Resolver(ContextResolver(self._shared, load))


class Resolver:
    """Stands where pyld expects its own resolver, `plain`."""

    def __init__(self, plain: ContextResolver) -> None:
        self._plain = plain

    def resolve(self, active_ctx: Any, context: Any, base: str, cycles: Any = None) -> list[Within]:
        """The contexts that `context` names or is, each as it is within `active_ctx`."""
        return [Within(one, active_ctx) for one in self._plain.resolve(active_ctx, context, base, cycles)]


class Within:
    """A resolved context within the active one that it was asked for in; pyld's names for its parts."""

    def __init__(self, resolved: Any, active: Any) -> None:
        self._resolved = resolved
        self._active = active
        self.document = resolved.document

    def get_processed(self, active_ctx: Any) -> Any:
        """What was made of it within this active context, or None."""
        return self._resolved.get_processed(self._marked(active_ctx))

    def set_processed(self, active_ctx: Any, processed: Any) -> None:
        """Keep what was made of it within this active context."""
        self._resolved.set_processed(self._marked(active_ctx), processed)

    def _marked(self, active_ctx: Any) -> Any:
        active = self._active
        # What pyld has finished is frozen; a copy that names its original, and is not, was made this moment.
        if (
            type(active) is frozendict
            and type(active_ctx) is not frozendict
            and active_ctx.get("previousContext") is active
        ):
            return {"_uuid": f"{active['_uuid']} copied"}
        return active_ctx
