"""The bridge's codec: what goes in comes out, and no bytes whatever do more than be refused."""

import array
import collections
import contextlib
import datetime
import decimal
import enum
import fractions
import math
import pathlib
import uuid
from typing import Any

import msgspec
import numpy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assessor.harness import decoding, encoding, plain, wire
from assessor.harness.wire import Tag


def no_foreign(*_: Any) -> Any:
    raise wire.WireError("expected plain data")


def packed(value: Any) -> bytes:
    """As both sides do: with care only where MessagePack refuses the first form."""
    try:
        return wire.pack([encoding.Encoder(no_foreign).value(value)])
    except wire.Unpackable:
        return wire.pack([encoding.Encoder(no_foreign, careful=True).value(value)])


def cross(value: Any) -> Any:
    [said] = wire.unpack(packed(value))
    return decoding.Decoder(no_foreign).value(said)


def read(data: bytes) -> Any:
    return wire.folded(lambda: decoding.Decoder(no_foreign).value(wire.unpack(data)))


atoms = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(2**300), max_value=2**300)
    | st.floats()
    | st.complex_numbers()
    | st.text()
    | st.binary()
    | st.decimals()
    | st.fractions()
    | st.dates()
    | st.datetimes(timezones=st.none() | st.just(datetime.UTC))
    | st.times()
    | st.timedeltas()
    | st.uuids()
    | st.builds(range, st.integers(), st.integers(), st.integers(min_value=1))
    | st.sampled_from([int, str, ValueError, list, Ellipsis, NotImplemented])
)
hashable = st.integers() | st.text() | st.booleans() | st.binary() | st.tuples(st.integers(), st.text())
values = st.recursive(
    atoms,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(hashable, inner)
        | st.sets(hashable)
        | st.frozensets(hashable)
        | st.lists(inner).map(collections.deque)
        | st.dictionaries(hashable, inner).map(collections.OrderedDict)
    ),
    max_leaves=30,
)


@given(values)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_plain_value_crosses_as_itself(value: Any) -> None:
    assert plain.same(cross(value), value)


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_read_or_refused_with_the_wires_own_error(data: bytes) -> None:
    with contextlib.suppress(wire.WireError):
        read(data)


tagged = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.tuples(st.sampled_from([int(tag) for tag in Tag]), inner, inner).map(list)
        | st.tuples(st.sampled_from([int(tag) for tag in Tag]), inner).map(list)
    ),
    max_leaves=15,
)


@given(tagged)
@settings(max_examples=200, deadline=None)
def test_any_tags_are_read_or_refused_with_the_wires_own_error(said: Any) -> None:
    with contextlib.suppress(wire.WireError):
        read(msgspec.msgpack.encode([int(Tag.TUPLE), said]))


def test_maps_and_extensions_of_messagepack_are_refused() -> None:
    for said in ({"a": 1}, [int(Tag.LIST), {"a": 1}], [int(Tag.LIST), datetime.datetime.now(datetime.UTC)]):
        with pytest.raises(wire.WireError):
            read(msgspec.msgpack.encode([int(Tag.TUPLE), said]))
    with pytest.raises(wire.WireError, match="extension"):
        read(msgspec.msgpack.encode([msgspec.msgpack.Ext(7, b"x")]))


def test_types_are_exact_on_the_other_side() -> None:
    value = [1, True, 1.0, "1", b"1", (1,), {1}, frozenset({1}), bytearray(b"1"), 2**70]
    assert [type(item) for item in cross(value)] == [type(item) for item in value]


def test_special_floats_and_signs_survive() -> None:
    nan, inf, minus = cross([math.nan, math.inf, -0.0])
    assert math.isnan(nan)
    assert inf == math.inf
    assert math.copysign(1, minus) == -1


def test_dict_keeps_order_and_keys_that_are_not_text() -> None:
    value = {3: "c", (1, 2): "a", None: "n", "b": 1}
    assert list(cross(value).items()) == list(value.items())


def test_counters_defaultdicts_and_dequeues_keep_their_kind() -> None:
    assert cross(collections.Counter("aab"))["zz"] == 0
    assert cross(collections.defaultdict(list, a=[1]))["zz"] == []
    assert cross(collections.deque([1, 2], maxlen=2)).maxlen == 2
    assert cross(array.array("d", [1.5])) == array.array("d", [1.5])
    assert cross({"a": 1}.keys()) == {"a"}
    assert sorted(cross({"a": 1}.values())) == [1]
    assert cross({"a": 1}.items()) == {("a", 1)}


@pytest.mark.parametrize(
    "value",
    [
        collections.Counter({"a": 2, "b": -1}),
        collections.OrderedDict([("b", 1), ("a", 2)]),
        collections.defaultdict(int, {1: 2, "a": 0.5}),
        {1: "a", None: b"x", 2.5: True, "c": [1]},
    ],
)
def test_mapping_keeps_kind_order_and_content(value: Any) -> None:
    assert plain.same(cross(value), value)
    assert list(cross(value)) == list(value)


def test_paths_uuids_and_zones_cross() -> None:
    zoned = datetime.datetime(2024, 7, 1, 12, tzinfo=datetime.timezone(datetime.timedelta(hours=2), "X"))
    for value in (
        pathlib.Path("/a/b"),
        uuid.UUID(int=5),
        zoned,
        decimal.Decimal("1.10"),
        fractions.Fraction(1, 3),
    ):
        assert cross(value) == value
        assert repr(cross(value)) == repr(value)


@pytest.mark.parametrize("dtype", ["float64", "int8", "bool", "U5", "S3", "datetime64[D]", "complex128"])
def test_arrays_keep_dtype_shape_and_content(dtype: str) -> None:
    value = numpy.zeros((2, 0, 3) if dtype == "int8" else (2, 3), dtype=dtype)
    came = cross(value)
    assert type(came) is numpy.ndarray
    assert (came.dtype, came.shape) == (value.dtype, value.shape)
    assert came.tobytes() == value.tobytes()
    assert came.flags.writeable


def test_array_scalars_keep_their_type() -> None:
    came = cross(numpy.float32(1.5))
    assert type(came) is numpy.float32
    assert came == numpy.float32(1.5)


@pytest.mark.parametrize(
    "said",
    [
        [int(Tag.NDARRAY), "<M8[0s]", [1], bytes(8)],
        [int(Tag.NDARRAY), "<m8[7D]", [1], bytes(8)],
        [int(Tag.NDARRAY), "<U1", [2], bytes(4) + b"\xff" * 4],
        [int(Tag.NDARRAY), ">U1", [1], b"\x00\x11\x00\x00"],
        [int(Tag.NUMPY_SCALAR), "<U1", b"\x00\x00\x11\x00"],
        [int(Tag.NDARRAY), "|S0", [2**31], b""],
        [int(Tag.NDARRAY), "|b1", [2], b"\x01\x02"],
        [int(Tag.NUMPY_SCALAR), "|b1", b"\xff"],
    ],
)
def test_array_that_numpy_would_not_make_is_refused(said: list[Any]) -> None:
    # Some of these end a process that only looks at them.
    with pytest.raises(wire.WireError, match=r"plain dtype|truth values|letters of Unicode"):
        read(wire.pack(said))


def test_array_of_all_letters_there_are_crosses() -> None:
    value = numpy.array(["\U0010ffff\ud800", "a"]).astype(">U2")
    assert cross(value).tobytes() == value.tobytes()


def test_array_of_objects_is_refused() -> None:
    with pytest.raises(wire.WireError, match="dtype object"):
        cross(numpy.array([object()]))


@pytest.mark.parametrize(
    "said",
    [
        [int(Tag.NDARRAY), "|O8", [1], b"12345678"],
        [int(Tag.NDARRAY), "<f8", [2**40], b"12345678"],
        [int(Tag.NDARRAY), "<f8", [-1], b"12345678"],
        [int(Tag.NDARRAY), "<f8", [1] * 60, b"12345678"],
        [int(Tag.NUMPY_SCALAR), "<f8", b"1"],
        [int(Tag.REF), 0],
        [int(Tag.REF), -1],
        [int(Tag.ARGUMENT), 0],
        [int(Tag.TYPE), "eval"],
        [int(Tag.DEFAULTDICT), "eval"],
        [int(Tag.ZONE), "../../etc/passwd", [0, 0, 0]],
        [int(Tag.RANGE), 0, 1, 0],
        [int(Tag.SET), [int(Tag.LIST)]],
        [int(Tag.DICT), 1],
        [],
    ],
)
def test_malformed_value_is_refused(said: list[Any]) -> None:
    with pytest.raises(wire.WireError):
        read(msgspec.msgpack.encode(said))


def test_aliases_and_cycles_survive() -> None:
    inner: list[Any] = [1]
    came = cross([inner, inner])
    assert came[0] is came[1]
    inner.append(inner)
    came = cross(inner)
    assert came[1] is came
    loop: tuple[Any, ...] = ([],)
    loop[0].append(loop)
    content = cross(loop)[0]
    assert content[0][0] is content


def test_shared_tuples_do_not_grow_in_size() -> None:
    value: Any = ()
    for _ in range(60):
        value = (value, value)
    encoder = encoding.Encoder(no_foreign)
    assert len(wire.pack([encoder.value(value)])) < 2000


def test_lone_surrogates_cross_in_the_second_form() -> None:
    for value in ("\ud800", ["\ud800", "plain"], ["\ud800"] * 100, {"\ud800": 1}, ("a", {"\udfff"})):
        with pytest.raises(wire.Unpackable, match="surrogates"):
            wire.pack([encoding.Encoder(no_foreign).value(value)])
        assert cross(value) == value


def test_integers_beyond_64_bits_cross_in_the_second_form() -> None:
    for value in (2**64, -(2**63) - 1, [2**70] * 100, (1, 2**64), {1: 2**64}, {2**64}, [[-(2**64)]]):
        with pytest.raises(wire.Unpackable, match="64"):
            wire.pack([encoding.Encoder(no_foreign).value(value)])
        assert cross(value) == value
    assert cross([2**64 - 1, -(2**63)]) == [2**64 - 1, -(2**63)]


def test_subclass_crosses_as_its_bases_data_whatever_it_says_of_itself() -> None:
    class Liar(float):
        def __float__(self) -> float:
            return 99.0

        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = float.__hash__

    encoder = encoding.Encoder(no_foreign)
    assert encoder.base_data(Liar(1.5), 0) == 1.5
    assert type(encoder.base_data(Liar(1.5), 0)) is float

    class Names(list[str]):
        def __iter__(self) -> Any:
            return iter(["lie"])

    assert encoder.base_data(Names(["a"]), 0) == [int(Tag.LIST), "a"]


def test_deep_nesting_is_refused_on_both_sides() -> None:
    value: list[Any] = []
    for _ in range(wire.MAX_DEPTH + 5):
        value = [value]
    with pytest.raises(wire.WireError, match="nested at most"):
        cross(value)
    said: list[Any] = [int(Tag.LIST)]
    for _ in range(wire.MAX_DEPTH + 5):
        said = [int(Tag.LIST), said]
    with pytest.raises(wire.WireError, match="nested at most"):
        read(msgspec.msgpack.encode([int(Tag.LIST), said]))
    with pytest.raises(wire.WireError):
        read(b"\x91" * 900_000)


def test_short_message_of_very_many_values_is_refused_before_it_is_built() -> None:
    with pytest.raises(wire.WireError, match="at most 1000000 values"):
        wire.unpack(b"\xdd\x00\x90\x00\x00" + b"\x90" * 0x900000)


def test_long_message_of_few_values_is_read() -> None:
    data = wire.pack(["x" * 3_000_000, b"y" * 3_000_000, 1, 2.5, "z", [1, -1, 2**40, None]])
    assert wire.unpack(data)[5] == [1, -1, 2**40, None]


flat = st.lists(
    st.none() | st.booleans() | st.integers() | st.integers(2**63, 2**65) | st.floats() | st.text(max_size=3),
    min_size=64,
    max_size=90,
)


@given(
    flat
    | st.lists(st.floats(), min_size=64, max_size=90)
    | st.lists(st.booleans() | st.binary(), min_size=64)
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_long_list_crosses_as_itself(value: list[Any]) -> None:
    came = cross([value, (value,), value])
    assert plain.same(came[0], value)
    assert came[0] is came[2] is came[1][0]


@given(st.binary(max_size=300) | tagged.map(msgspec.msgpack.encode))
@settings(max_examples=200, deadline=None)
def test_any_bytes_of_a_flat_list_are_read_or_refused_with_the_wires_own_error(data: bytes) -> None:
    try:
        came = read(msgspec.msgpack.encode([int(Tag.FLAT), data]))
    except wire.WireError:
        return
    assert type(came) is list
    assert all(type(item) in plain.ATOMS for item in came)


def test_long_list_of_plain_items_is_packed_apart() -> None:
    for value in ([1.5] * 64, list(range(100)), ["a", None, True, 1, -0.5] * 20):
        assert encoding.Encoder(no_foreign).value(value) == [int(Tag.FLAT), msgspec.msgpack.encode(value)]


class Level(enum.IntEnum):
    LOW = 1


class Share(float):
    """A float with a class of its own."""


@pytest.mark.parametrize("odd", [Level.LOW, Share(1.5), numpy.float64(1.5), bytearray(b"x"), [1], b"x"])
def test_long_list_of_anything_else_is_told_item_by_item(odd: Any) -> None:
    seen: list[Any] = []

    def foreign(encoder: encoding.Encoder, value: Any, depth: int) -> Any:
        seen.append(value)
        return None

    for value in ([odd, *[1.5] * 70], [*[1.5] * 70, odd], [*[1] * 70, odd]):
        said = encoding.Encoder(foreign).value(value)
        assert said[0] == Tag.LIST
        assert len(said) == 72
    assert len(seen) == (3 if type(odd) in (Level, Share) else 0)


@pytest.mark.parametrize(
    "said",
    [
        [int(Tag.FLAT)],
        [int(Tag.FLAT), b"\x91\x01", 1],
        [int(Tag.FLAT), [1]],
        [int(Tag.FLAT), b""],
        [int(Tag.FLAT), b"\x01"],
        [int(Tag.FLAT), b"\x80"],
        [int(Tag.FLAT), b"\x91\x01\x01"],
        [int(Tag.FLAT), b"\x92\x01"],
        [int(Tag.FLAT), b"\x91\x90"],
        [int(Tag.FLAT), b"\x91\xc4\x01a"],
        [int(Tag.FLAT), b"\x91\xa1\xff"],
        [int(Tag.FLAT), b"\xdd\xff\xff\xff\xff"],
        [int(Tag.FLAT), b"\x91\xd4\x01a"],
    ],
)
def test_malformed_flat_list_is_refused(said: list[Any]) -> None:
    with pytest.raises(wire.WireError):
        read(msgspec.msgpack.encode([int(Tag.TUPLE), said]))


@pytest.mark.parametrize("pair", [b"\x92", b"\xdc\x00\x02", b"\xdd\x00\x00\x00\x02"])
@pytest.mark.parametrize("tag", [b"\x23", b"\xcc\x23", b"\xcd\x00\x23", b"\xd2\x00\x00\x00\x23"])
def test_items_of_flat_lists_count_however_they_are_written(pair: bytes, tag: bytes) -> None:
    content = b"\xdd" + (600_000).to_bytes(4, "big") + b"\x01" * 600_000
    form = pair + tag + b"\xc6" + len(content).to_bytes(4, "big") + content
    assert len(wire.unpack(b"\x92\xa1x" + form)) == 2
    assert len(wire.unpack(b"\x93\xc6" + (600_000).to_bytes(4, "big") + b"x" * 600_000 + b"\x01" + form)) == 3
    with pytest.raises(wire.WireError, match="at most 1000000 values"):
        wire.unpack(b"\x92" + form * 2)


def nodes(value: Any) -> int:
    """How many values there are in a plain one, itself included."""
    if isinstance(value, list):
        return 1 + sum(nodes(item) for item in value)
    if isinstance(value, dict):
        return 1 + sum(nodes(item) for pair in value.items() for item in pair)
    return 1


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**64 - 1).filter(lambda number: number != int(Tag.FLAT))
        | st.floats()
        | st.text()
        | st.binary()
        | st.sampled_from(["a" * 31, "a" * 32, "a" * 256, b"a" * 256, "a" * 70_000, b"a" * 70_000]),
        lambda inner: (
            st.lists(inner)
            | st.lists(inner, min_size=16)
            | st.just([7] * 70_000)
            | st.just(dict.fromkeys(range(70_000)))
            | st.dictionaries(st.text() | st.integers(0, 30), inner)
            | st.dictionaries(st.integers(0, 30), inner, min_size=16)
        ),
        max_leaves=40,
    )
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_value_of_a_message_counts(value: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wire, "MAX_NODES", nodes(value))
        wire._count(msgspec.msgpack.encode(value))
        patch.setattr(wire, "MAX_NODES", nodes(value) - 1)
        with pytest.raises(wire.WireError, match="values, got more"):
            wire._count(msgspec.msgpack.encode(value))


def test_bytes_after_the_number_of_flat_lists_are_no_list() -> None:
    value = [35, b"\xdd\xff\xff\xff\xff" + b"x" * 1_100_000]
    assert cross(value) == value


def test_list_that_is_passed_twice_is_one_list() -> None:
    for inner in ([1.5] * 100, [1, 2]):
        came = cross((inner, {"a": inner}, [inner]))
        assert came[0] is came[1]["a"] is came[2][0]


def test_argument_that_comes_back_unchanged_is_the_same_object() -> None:
    mine = [1, [2]]
    theirs = cross(mine)
    encoder = encoding.Encoder(no_foreign, arguments={id(theirs): 0})
    [said] = wire.unpack(wire.pack([encoder.value(theirs)]))
    assert decoding.Decoder(no_foreign, arguments=[mine]).value(said) is mine


def test_argument_that_comes_back_changed_is_another_object() -> None:
    mine = [1, [2]]
    theirs = cross(mine)
    theirs[1].append(3)
    encoder = encoding.Encoder(no_foreign, arguments={id(theirs): 0})
    [said] = wire.unpack(wire.pack([encoder.value(theirs)]))
    came = decoding.Decoder(no_foreign, arguments=[mine]).value(said)
    assert came == [1, [2, 3]]
    assert mine == [1, [2]]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (1, True),
        (1, 1.0),
        ([1], (1,)),
        ({1: 2}, {1: 2.0}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (0.0, 1.0),
        ([1, True], [1, 1]),
        ((1.0,), (1,)),
        ([1], [1, 2]),
        ([[1]], [[True]]),
    ],
)
def test_values_that_are_equal_but_not_the_same_are_told_apart(left: Any, right: Any) -> None:
    assert not plain.same(left, right)
