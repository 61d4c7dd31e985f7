"""Functions, generators and coroutines of the submission's: real ones that drive those on the other side."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any

from . import appearance, instances, remote
from .bridge import Bridge
from .calls import Op
from .handles import Ref


def function(b: Bridge, ref: Ref, data: dict[str, Any]) -> Any:
    """A function that calls the described one."""
    request = b.request

    flavour = data.get("flavour")
    near: Any
    if flavour == "coroutine":

        async def coroutine_function(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            return await request(Op.CALL, b.handle(ref), kwargs or None, *args)

        near = coroutine_function
    else:

        def plain_function(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            handle = ref.handle if ref.process is b._process else b.handle(ref)
            return request(0, handle, kwargs or None, *args)

        near = plain_function
    appearance.dress(near, data)
    signature = appearance.signature(data.get("signature"))
    if signature is not None:
        near.__signature__ = signature
    file, line = data.get("file"), data.get("line")
    if isinstance(file, str) and type(line) is int and line > 0 and ref.path is not None:
        # So that `inspect.getsource` finds the learner's lines.
        with contextlib.suppress(ValueError, OverflowError):
            near.__code__ = near.__code__.replace(
                co_filename=appearance.source_name(ref.path[0]), co_firstlineno=line
            )
    b.refs[near] = ref
    return near


def generator(b: Bridge, ref: Ref, data: dict[str, Any]) -> Any:
    """A generator that runs the described one step by step."""
    far = instances.Object.__new__(instances.Object)
    object.__setattr__(far, remote.REF, ref)
    near = _drive_generator(far)
    b.refs[near] = ref
    return near


def _drive_generator(far: Any) -> Any:
    step: Callable[[], Any] = functools.partial(remote.operate, "next", far)
    while True:
        try:
            value = step()
        except StopIteration as stop:
            return stop.value
        try:
            sent = yield value
        except GeneratorExit:
            remote.method(far, "close")
            raise
        except BaseException as error:  # of whatever kind: it is the generator's to handle
            step = functools.partial(remote.method, far, "throw", error)
        else:
            step = (
                functools.partial(remote.operate, "next", far)
                if sent is None
                else functools.partial(remote.method, far, "send", sent)
            )


def coroutine(b: Bridge, ref: Ref, data: dict[str, Any]) -> Any:
    """A coroutine that awaits the described one."""
    far = instances.Object.__new__(instances.Object)
    object.__setattr__(far, remote.REF, ref)
    near = _drive_coroutine(far)
    b.refs[near] = ref
    return near


async def _drive_coroutine(far: Any) -> Any:
    import asyncio  # only here: it takes a tenth of the time that a side needs to come up

    # Started first and waited for afterwards, so that coroutines that are gathered run side by side.
    task = remote.operate("await", far, True)
    with contextlib.suppress(RuntimeError):
        asyncio.get_running_loop()
        await asyncio.sleep(0)
    return remote.operate("await", task, False)


def async_generator(b: Bridge, ref: Ref, data: dict[str, Any]) -> Any:
    """The described asynchronous generator."""
    far = instances.AsyncGenerator.__new__(instances.AsyncGenerator)
    object.__setattr__(far, remote.REF, ref)
    return far
