"""The messages of the bridge: what the grader asks of a learner's process, and what comes back.

A request is `[sequence, op, extra, *operands]`, an answer `[sequence, said, *parts]`; operands and parts
are tagged values of `wire`. `extra` is None, or `[released handles, seed or None, inplace]`.
While it works on a request, the learner's process may ask back (`Said.ASK`): the grader then answers by a
request of `Op.ANSWER`, or sends requests of its own first; everything nests strictly.
"""

from __future__ import annotations

from enum import IntEnum


class Op(IntEnum):
    """What the grader asks."""

    CALL = 0  #: handle, named arguments or None, arguments
    METHOD = 1  #: handle, name, named arguments or None, arguments
    GET = 2  #: handle, name
    SET = 3  #: handle, name, value
    DELETE = 4  #: handle, name
    OPERATE = 5  #: name of an operation, operands
    LOAD = 6  #: name of a module
    RESOLVE = 7  #: module, attribute path
    DESCRIBE = 10  #: handle: the object again, with its description
    NAME = 11  #: handle of a module, name: its value, and whether `Ask.REBOUND` will tell of another
    ANSWER = 8  #: returned value: the answer to an ASK
    ANSWER_RAISED = 9  #: class name or handle, args, export id: what the asked function raised


class Said(IntEnum):
    """What the learner's process says."""

    RETURNED = 0  #: value[, changes]
    RAISED = 1  #: exception[, changes]
    ASK = 2  #: what, export id, *operands
    UNSENDABLE = 3  #: why a value cannot cross
    TOO_LARGE = 4  #: bytes that the answer would have had


class Ask(IntEnum):
    """What a learner's process asks back."""

    CALL = 0  #: export, args, kwargs
    GET = 1  #: export, name
    OPERATE = 2  #: export, name of an operation, operands
    INPUT = 3  #: prompt
    STDIN = 4  #: "readline" or "read"
    REBOUND = 5  #: nothing: a name that was said to last means something else now


#: Operations of objects that a test passed which the learner's code may use, by special method.
EXPORTED = (
    *("__call__", "__iter__", "__next__", "__len__", "__getitem__", "__contains__", "__enter__", "__exit__"),
    *("__str__", "__repr__", "__bool__", "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"),
    *("__hash__", "__add__", "__radd__", "__sub__", "__rsub__", "__mul__", "__rmul__", "__truediv__"),
    *(
        "__neg__",
        "__abs__",
        "__int__",
        "__float__",
        "__index__",
        "__setitem__",
        "__delitem__",
        "__reversed__",
    ),
    *("__await__", "__aiter__", "__anext__", "__aenter__", "__aexit__"),
)
