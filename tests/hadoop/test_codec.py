"""The codec against Google's, over messages that hold every kind of field."""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import math
import struct
from dataclasses import dataclass
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from yarnhub.base.errors import LocalProtocolError, RemoteProtocolError
from yarnhub.hadoop.codec import (
    SELF,
    decode,
    delimited,
    encode,
    fields,
    mapping,
    proto,
    read_delimited,
    repeated,
)
from yarnhub.hadoop.scalars import (
    BOOL,
    BYTES,
    DOUBLE,
    FLOAT,
    INT32,
    INT64,
    SINT32,
    STRING,
    UINT32,
    UINT64,
    Scalar,
    read_varint,
    varint,
)


class Color(enum.IntEnum):
    RED = 0
    BLUE = 5
    ODD = -3


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    name: str = proto(1, STRING)
    inner: Inner | None = proto(2, SELF, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    """One field of each kind, alone and repeated, and maps."""

    i32: int = proto(1, INT32, 0)
    i64: int = proto(2, INT64, 0)
    u32: int = proto(3, UINT32, 0)
    u64: int = proto(4, UINT64, 0)
    s32: int = proto(5, SINT32, 0)
    flag: bool = proto(6, BOOL, False)  # a default
    single: float = proto(7, FLOAT, 0.0)
    double: float = proto(8, DOUBLE, 0.0)
    text: str = proto(9, STRING, "")
    data: bytes = proto(10, BYTES, b"")
    color: Color = proto(11, Color, Color.RED)
    inner: Inner | None = proto(12, Inner, None)
    i32s: tuple[int, ...] = repeated(21, INT32)
    i64s: tuple[int, ...] = repeated(22, INT64)
    u32s: tuple[int, ...] = repeated(23, UINT32)
    u64s: tuple[int, ...] = repeated(24, UINT64)
    s32s: tuple[int, ...] = repeated(25, SINT32)
    flags: tuple[bool, ...] = repeated(26, BOOL)
    singles: tuple[float, ...] = repeated(27, FLOAT)
    doubles: tuple[float, ...] = repeated(28, DOUBLE)
    texts: tuple[str, ...] = repeated(29, STRING)
    datas: tuple[bytes, ...] = repeated(30, BYTES)
    colors: tuple[Color, ...] = repeated(31, Color)
    inners: tuple[Inner, ...] = repeated(32, Inner)
    numbers: dict[str, int] = mapping(2000, STRING, INT64)
    people: dict[str, Inner] = mapping(2001, STRING, Inner)
    maybe: int | None = proto(536870911, INT32, None)


TYPES = {
    "i32": (1, "INT32"), "i64": (2, "INT64"), "u32": (3, "UINT32"), "u64": (4, "UINT64"),
    "s32": (5, "SINT32"), "flag": (6, "BOOL"), "single": (7, "FLOAT"), "double": (8, "DOUBLE"),
    "text": (9, "STRING"), "data": (10, "BYTES"), "color": (11, "ENUM"), "inner": (12, "MESSAGE"),
}  # fmt: skip


def _google(*, packed: bool) -> type[Any]:
    """Google's class for `Outer`, made from a descriptor: an independent statement of it."""
    file = descriptor_pb2.FileDescriptorProto(name=f"t{packed}.proto", package=f"t{packed}")
    kinds = descriptor_pb2.FieldDescriptorProto
    enum_type = file.enum_type.add(name="Color")
    for member in Color:
        enum_type.value.add(name=member.name, number=member.value)
    inner = file.message_type.add(name="Inner")
    inner.field.add(name="name", number=1, type=kinds.TYPE_STRING, label=kinds.LABEL_REQUIRED)
    inner.field.add(
        name="inner",
        number=2,
        type=kinds.TYPE_MESSAGE,
        type_name=f".{file.package}.Inner",
        label=kinds.LABEL_OPTIONAL,
    )
    outer = file.message_type.add(name="Outer")

    def add(to: Any, name: str, number: int, kind: str, label: int) -> Any:
        field = to.field.add(
            name=name, number=number, label=label, type=kinds.Type.Value(f"TYPE_{kind}")
        )
        if kind in ("ENUM", "MESSAGE"):
            field.type_name = f".{file.package}.{'Color' if kind == 'ENUM' else 'Inner'}"
        return field

    for name, (number, kind) in TYPES.items():
        add(outer, name, number, kind, kinds.LABEL_OPTIONAL)
        many = add(outer, name + "s", number + 20, kind, kinds.LABEL_REPEATED)
        if packed and kind not in ("STRING", "BYTES", "MESSAGE"):
            many.options.packed = True
    add(outer, "maybe", 536870911, "INT32", kinds.LABEL_OPTIONAL)
    for name, number, kind in (("numbers", 2000, "INT64"), ("people", 2001, "MESSAGE")):
        entry = outer.nested_type.add(name=name.capitalize() + "Entry")
        entry.options.map_entry = True
        add(entry, "key", 1, "STRING", kinds.LABEL_OPTIONAL)
        add(entry, "value", 2, kind, kinds.LABEL_OPTIONAL)
        outer.field.add(
            name=name,
            number=number,
            label=kinds.LABEL_REPEATED,
            type=kinds.TYPE_MESSAGE,
            type_name=f".{file.package}.Outer.{entry.name}",
        )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)  # type: ignore[no-untyped-call,unused-ignore]  # google's
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{file.package}.Outer"))


GOOGLE = _google(packed=False)
GOOGLE_PACKED = _google(packed=True)

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "i32": st.integers(-(2**31), 2**31 - 1),
    "i64": st.integers(-(2**63), 2**63 - 1),
    "u32": st.integers(0, 2**32 - 1),
    "u64": st.integers(0, 2**64 - 1),
    "s32": st.integers(-(2**31), 2**31 - 1),
    "flag": st.booleans(),
    "single": st.floats(width=32, allow_nan=False),
    "double": st.floats(allow_nan=False),
    "text": TEXT,
    "data": st.binary(max_size=20),
    "color": st.sampled_from(Color),
    "inner": st.recursive(
        st.builds(Inner, name=TEXT),
        lambda deeper: st.builds(Inner, name=TEXT, inner=deeper),
        max_leaves=5,
    ),
}
OUTERS = st.builds(
    Outer,
    **VALUES | {"inner": st.none() | VALUES["inner"]},
    **{f"{name}s": st.lists(value, max_size=4).map(tuple) for name, value in VALUES.items()},
    numbers=st.dictionaries(TEXT, VALUES["i64"], max_size=3),
    people=st.dictionaries(TEXT, VALUES["inner"], max_size=3),
    maybe=st.none() | VALUES["i32"],
)


def to_google(message: Any, into: Any) -> Any:
    for name in message.__dataclass_fields__:
        value = getattr(message, name)
        target: Any = getattr(into, name, None)
        if value is None:
            continue
        if isinstance(value, Inner):
            to_google(value, target)
            target.SetInParent()
        elif isinstance(value, dict):
            for key, item in value.items():
                if isinstance(item, Inner):
                    to_google(item, target[key])
                else:
                    target[key] = item
        elif isinstance(value, tuple):
            for item in value:
                if isinstance(item, Inner):
                    to_google(item, target.add())
                else:
                    target.append(item)
        else:
            setattr(into, name, value)
    return into


@given(OUTERS)
def test_google_reads_what_we_write(message: Outer) -> None:
    assert GOOGLE.FromString(encode(message)) == to_google_without_defaults(message)


def to_google_without_defaults(message: Outer) -> Any:
    # Presence: what equals its default is left out by us, and set by `to_google`.
    made = to_google(message, GOOGLE())
    for name, field in Outer.__dataclass_fields__.items():
        if getattr(message, name) == field.default and field.default != ():
            made.ClearField(name)
    return made


@given(OUTERS, st.sampled_from([GOOGLE, GOOGLE_PACKED]))
def test_we_read_what_google_writes(message: Outer, google: type[Any]) -> None:
    assert decode(Outer, to_google(message, google()).SerializeToString()) == message


@given(OUTERS)
def test_what_was_written_is_read(message: Outer) -> None:
    written = encode(message)
    assert decode(Outer, written) == message
    assert read_delimited(Outer, b"??" + delimited(written) + b"!", 2) == (
        message,
        len(delimited(written)) + 2,
    )


@given(OUTERS)
def test_another_message_passes_over_what_it_does_not_know(message: Outer) -> None:
    @dataclass(frozen=True)
    class Empty:
        pass

    assert decode(Empty, encode(message)) == Empty()


@given(OUTERS, st.data())
def test_a_cut_message_is_read_or_refused_as_google_does(
    message: Outer, data: st.DataObject
) -> None:
    written = encode(message)
    cut = written[: data.draw(st.integers(0, len(written)))]
    try:
        GOOGLE.FromString(cut)
    except DecodeError:
        with pytest.raises(RemoteProtocolError):
            decode(Outer, cut)
    else:
        decode(Outer, cut)


@given(st.binary(max_size=100))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(RemoteProtocolError):
        decode(Outer, data)


@given(st.integers(0, 2**64 - 1), st.binary(max_size=3))
def test_varints(value: int, rest: bytes) -> None:
    written = varint(value)
    assert read_varint(written + rest, 0, len(written)) == (value, len(written))


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (INT32, (2**31, -(2**31) - 1)),
        (INT64, (2**63, -(2**63) - 1)),
        (UINT32, (-1, 2**32)),
        (UINT64, (-1, 2**64)),
        (SINT32, (2**31, -(2**31) - 1)),
        (FLOAT, (1e39,)),
    ],
    ids=lambda kind: kind.name if isinstance(kind, Scalar) else "",
)
def test_a_number_that_does_not_fit_is_refused(kind: Scalar, values: tuple[int, ...]) -> None:
    @dataclass(frozen=True)
    class One:
        n: float = proto(1, kind)

    for value in values:
        with pytest.raises(LocalProtocolError, match="does not fit"):
            encode(One(value))


def test_a_required_field_is_always_written_and_missed() -> None:
    assert encode(Inner(name="")) == b"\x0a\x00"
    with pytest.raises(RemoteProtocolError, match="Inner has no name"):
        decode(Inner, b"")
    with pytest.raises(LocalProtocolError, match=r"Inner\.name is required"):
        encode(Inner(name=None))  # type: ignore[arg-type]  # the fault


def test_an_unknown_member_reads_as_not_set() -> None:
    assert decode(Outer, b"\x58\x63").color is Color.RED
    assert decode(Outer, b"\xf8\x01\x63\xf8\x01\x05").colors == (Color.BLUE,)


def test_a_bad_character_does_not_cost_the_answer() -> None:
    assert decode(Outer, b"\x4a\x02a\xff").text == "a�"


def test_the_last_of_a_field_counts() -> None:
    assert decode(Outer, b"\x08\x01\x08\x02").i32 == 2


def test_not_a_number() -> None:
    written = encode(Outer(double=math.nan))
    assert math.isnan(decode(Outer, written).double)
    assert written == b"\x41" + struct.pack("<d", math.nan)


def test_nesting_has_a_limit() -> None:
    def nested(depth: int) -> bytes:
        written = b"\x0a\x00"
        for _ in range(depth):
            written = b"\x0a\x00\x12" + delimited(written)
        return written

    decode(Inner, nested(100))
    with pytest.raises(RemoteProtocolError, match="nested more than 100 levels deep"):
        decode(Inner, nested(101))


@pytest.mark.parametrize(
    "data",
    [b"\x08", b"\x08\x80", b"\x4a\x05a", b"\x3d\0\0\0", b"\x0b", b"\x0f", b"\x08" + b"\xff" * 11],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        decode(Outer, data)


def test_a_length_beyond_the_end_is_refused() -> None:
    with pytest.raises(RemoteProtocolError, match="a Inner of 9 bytes is truncated"):
        read_delimited(Inner, b"\x09\x0a\x00")


@pytest.mark.parametrize("wire_type", [0, 1, 2, 5])
@pytest.mark.parametrize("number", sorted(info.number for info in fields(Outer).values()))
def test_whatever_a_field_is_sent_as_its_class_stays_what_it_is(
    number: int, wire_type: int
) -> None:
    bodies = {0: b"\x05", 1: bytes(8), 2: b"\x03abc", 5: bytes(4)}
    message = varint(number << 3 | wire_type) + bodies[wire_type]
    try:
        found = decode(Outer, message)
    except RemoteProtocolError:
        return
    for field in dataclasses.fields(Outer):
        value, known = getattr(found, field.name), getattr(Outer(), field.name)
        assert type(value) is type(known) or known is None, field.name
    encode(found)
