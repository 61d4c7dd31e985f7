"""The import hook: the submission's modules, and no others, resolve to proxies.

A module of the library that the submission happens to ship under the same name stays the grader's own,
unless the task names it. A name that the submission lacks is no error of the import: it ends the tests
that use it, and only those.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Mapping, Sequence
from typing import Any

from . import appearance, classes, proxies, remote
from .bridge import Bridge
from .calls import Op
from .failure import LearnerRaised, TestEnded
from .handles import Ref

_OWN = frozenset(
    {
        *("__name__", "__doc__", "__package__", "__loader__", "__spec__", "__path__", "__file__"),
        *(
            "__cached__",
            "__builtins__",
            "_assessor_ref",
            "_assessor_problem",
            "_assessor_kept",
            "__dict__",
            "__class__",
        ),
    }
)


class Module(types.ModuleType):
    """A module of the submission's."""

    _assessor_proxy = True

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__dict__["_assessor_ref"] = Ref(None, 0, (name, ""))
        self.__dict__["_assessor_problem"] = None
        self.__dict__["_assessor_kept"] = {}
        self.__dict__["__file__"] = appearance.source_name(name)

    def __getattr__(self, name: str) -> Any:
        __tracebackhide__ = True
        return _marked(name, self._assessor_fetch(name))

    def _assessor_fetch(self, name: str) -> Any:
        """The submission's value of a name.

        Raises:
            AttributeError: there is none.
        """
        __tracebackhide__ = True
        known = remote.bridge().known_name(self.__name__, name)
        if known is not None:
            return known
        if name in _OWN or (name.startswith("__") and name.endswith("__") and name != "__all__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        bridge = remote.bridge()
        self._check(bridge)
        return bridge.name(self.__dict__["_assessor_ref"], self.__name__, name)

    def _check(self, bridge: Bridge) -> None:
        problem = self.__dict__["_assessor_problem"]
        if problem is not None:
            raise bridge.end_test(getattr(problem, "reason", "error"), _could_not(self.__name__, problem))

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _OWN or isinstance(value, Module):
            self.__dict__[name] = value
            return
        bridge = remote.bridge()
        self._check(bridge)
        remote.keep(self, name, self.__dict__["_assessor_kept"])
        bridge.request(Op.SET, bridge.handle(self.__dict__["_assessor_ref"]), name, value)

    def __delattr__(self, name: str) -> None:
        bridge = remote.bridge()
        self._check(bridge)
        if remote.give_back(self, name, self.__dict__["_assessor_kept"]):
            return
        bridge.request(Op.DELETE, bridge.handle(self.__dict__["_assessor_ref"]), name)

    def __dir__(self) -> list[str]:
        bridge = remote.bridge()
        self._check(bridge)
        return [str(name) for name in remote.operate("dir", self)]


def _marked(name: str, value: Any) -> Any:
    """The value; a class is noted as named by the test, so that its operators may see plain data.

    Only under a name that is written as a class's: where a test asks for `median`, it means a function, and a
    class put in its place would see the expected value in `median(values) - expected`. Source: PEP 8.
    """
    if isinstance(value, classes.Class) and name.lstrip("_")[:1].isupper():
        type.__setattr__(value, "_assessor_named", True)
    return value


def _could_not(name: str, problem: BaseException) -> str:
    where = getattr(problem, "_assessor_where", None)
    text = f"{name} could not be imported: {type(problem).__name__}: {problem}"
    return text + (f" ({where[-1]})" if where else "")


class Missing:
    """A name that the submission lacks: any use of it ends the test."""

    def __init__(self, text: str, reason: str = "error") -> None:
        object.__setattr__(self, "_assessor_text", (reason, text))

    def _assessor_refuse(self) -> Any:
        reason, text = object.__getattribute__(self, "_assessor_text")
        raise remote.bridge().end_test(reason, text)

    def __mro_entries__(self, bases: Any) -> tuple[type, ...]:
        text = object.__getattribute__(self, "_assessor_text")

        class Base:
            def __new__(cls, *_: Any, **__: Any) -> Any:
                raise remote.bridge().end_test(*text)

        return (Base,)


def _refuse(self: Any, *_: Any, **__: Any) -> Any:
    return Missing._assessor_refuse(self)


for _name in (
    *("__call__", "__getitem__", "__setitem__", "__delitem__", "__iter__", "__next__", "__len__"),
    *("__contains__", "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__hash__", "__bool__"),
    *("__add__", "__radd__", "__sub__", "__rsub__", "__mul__", "__rmul__", "__truediv__", "__rtruediv__"),
    *("__mod__", "__rmod__", "__pow__", "__neg__", "__abs__", "__int__", "__float__", "__index__"),
    *("__str__", "__format__", "__enter__", "__exit__", "__await__", "__instancecheck__"),
    "__subclasscheck__",
):
    setattr(Missing, _name, _refuse)


def _missing_attribute(self: Any, name: str) -> Any:
    if name.startswith("__") and name.endswith("__"):
        raise AttributeError(name)  # what pytest and mock look for while they collect
    return Missing._assessor_refuse(self)


Missing.__getattr__ = _missing_attribute  # type: ignore[attr-defined]


class View:
    """What an import statement takes names from: a name that is not there becomes `Missing`."""

    def __init__(self, module: types.ModuleType) -> None:
        self.__dict__["_assessor_module"] = module
        self.__dict__["_assessor_star"] = False

    def __getattr__(self, name: str) -> Any:
        __tracebackhide__ = True
        module: Module = self.__dict__["_assessor_module"]
        if name == "__all__":
            self.__dict__["_assessor_star"] = True
            return self._all(module)
        if name in vars(module):
            return vars(module)[name]
        problem = vars(module)["_assessor_problem"]
        if problem is not None:
            return Missing(_could_not(module.__name__, problem), getattr(problem, "reason", "error"))
        try:
            value = module._assessor_fetch(name)
        except AttributeError:
            try:
                return importlib.import_module(f"{module.__name__}.{name}")
            except ModuleNotFoundError:
                return Missing(f"cannot import name {name!r} from {module.__name__!r}")
        except TestEnded as error:
            if not remote.bridge().collecting:
                raise
            return Missing(error.message, error.reason)
        own = proxies.own_module(value)
        if own is not None:
            # `from solution import *` hands libraries on: the test's own stay its own.
            return own
        return value if self.__dict__["_assessor_star"] else _marked(name, value)

    def _all(self, module: Module) -> list[str]:
        if vars(module)["_assessor_problem"] is not None:
            return []
        try:
            return [str(name) for name in module.__all__]
        except AttributeError:
            return [name for name in dir(module) if not name.startswith("_")]


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds and loads the submission's modules over the bridge.

    Args:
        bridge: the way to them.
    """

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._stated = 0
        self._docs: dict[str, str | None] = {}
        self._import = builtins.__import__

    def install(self) -> None:
        """Take over imports of the submission's modules in this interpreter."""
        for name in self._bridge.modules:
            sys.modules.pop(name, None)
        sys.meta_path.insert(0, self)
        builtins.__import__ = self.stated

    def forget(self) -> None:
        """A new test file imports anew."""
        for name in [name for name, module in sys.modules.items() if isinstance(module, Module)]:
            del sys.modules[name]

    def stated(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        """What an import statement gets."""
        if level or name.partition(".")[0] not in self._bridge.modules:
            return self._import(name, globals, locals, fromlist or (), level)
        self._stated += 1
        try:
            # Names are taken from the module one by one, by `View`: none of them is an error of the import.
            top = self._import(name, globals, locals, (), level)
        finally:
            self._stated -= 1
        return View(sys.modules[name]) if fromlist else top

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """A specification for a module of the submission's; None for any other."""
        if fullname.partition(".")[0] not in self._bridge.modules:
            return None
        spec = importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        problem = self._load(fullname)
        if isinstance(problem, ModuleNotFoundError) and not (self._stated and self._bridge.collecting):
            return None
        spec.loader_state = problem
        return spec

    def _load(self, name: str) -> BaseException | None:
        known = self._bridge.unloadable.get(name)
        if known is not None:
            return known
        try:
            module = self._bridge.request(Op.LOAD, name)
            ref = self._bridge.ref(module)
            if ref is not None:
                doc = self._bridge.request(Op.GET, ref.handle, "__doc__")
                self._docs[name] = doc if isinstance(doc, str) else None
        except TestEnded as error:
            # It would only take as long again: remembered for the whole run.
            self._bridge.unloadable[name] = error
            return error
        except (Exception, LearnerRaised) as error:
            return error
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> Module:
        """The proxy."""
        return Module(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """Take note of why the module could not be loaded; raise it where a test imports for itself."""
        spec = module.__spec__
        problem = spec.loader_state if spec is not None else None
        if spec is not None:
            spec.loader_state = None
        if problem is None and vars(module).get("_assessor_loaded"):
            remote.operate("reload", module.__name__)
            self._bridge.forget_names()
            vars(module)["_assessor_ref"].process = None  # found again by its name: it is another one now
        vars(module)["_assessor_loaded"] = True
        vars(module)["__doc__"] = self._docs.get(module.__name__)
        if problem is not None:
            if not self._bridge.collecting:
                raise problem
            vars(module)["_assessor_problem"] = problem
