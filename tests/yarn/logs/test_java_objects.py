from __future__ import annotations

import pytest

from yarn.logs.recorded import FILES
from yarnhub.base.errors import RemoteProtocolError
from yarnhub.yarn.logs.java_objects import JavaObject, as_list, as_map, read_java_object

HEADER = b"\xac\xed\x00\x05"


def recorded_index() -> bytes:
    data = FILES["ifile-none"][:-32]
    length = int.from_bytes(data[-4:], "big")
    return data[-4 - length : -4]


def test_the_index_of_an_ifile() -> None:
    index = read_java_object(recorded_index())
    assert isinstance(index, JavaObject)
    assert index.class_name.endswith("$IndexedLogsMeta")
    assert {name: index.fields[name] for name in ("version", "user", "compressName", "nodeId")} == {
        "version": 1, "user": "alice", "compressName": "none", "nodeId": "localhost:18041",
    }  # fmt: skip
    (cycle,) = as_list(index.fields["logMetas"])
    assert isinstance(cycle, JavaObject)
    assert len(as_map(cycle.fields["logMetas"])) == 2


def test_texts_and_null() -> None:
    assert read_java_object(HEADER + b"t\x00\x02hi") == "hi"
    assert read_java_object(HEADER + b"|" + bytes(7) + b"\x02hi") == "hi"
    assert read_java_object(HEADER + b"p") is None
    assert read_java_object(HEADER + b"w\x03abc") == b"abc"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a serialized Java object"),
        (HEADER, "truncated"),
        (HEADER + b"t\x00\x05hi", "truncated"),
        (HEADER + b"q\x00\x7e\x00\x00", "refers to a missing object"),
        (HEADER + b"q\x00\x00\x00\x00", "refers to a missing object"),
        (HEADER + b"u", "unknown tag 0x75"),
        (HEADER + b"sp", "has no class"),
        (HEADER + b"st", "unknown tag 0x74"),
        (HEADER + b"~" * 2000, "unknown tag"),
        (HEADER + b"sr\x00\x01A" + bytes(8) + b"\x02\x00\x01?\x00\x01a", "unknown type"),
        (HEADER + b"sr\x00\x01A" + bytes(8) + b"\x0c\x00\x00xp", "has its own format"),
        (HEADER + b"sr\x00\x01A" + bytes(8) + b"\x02\x00\x00w\x00", "annotated"),
        # A class that names itself as its parent.
        (HEADER + b"sr\x00\x01A" + bytes(8) + b"\x02\x00\x00xq\x00\x7e\x00\x00", "inherits"),
        # Objects within each other without end: each field's class is defined anew.
        (HEADER + (b"sr\x00\x01A" + bytes(8) + b"\x02\x00\x01L\x00\x01at\x00\x01Bxp") * 99, "deep"),
    ],
)
def test_what_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(RemoteProtocolError, match=message):
        read_java_object(data)


def test_collections_are_checked() -> None:
    for other in (None, "text", JavaObject("java.util.TreeMap")):
        with pytest.raises(RemoteProtocolError, match="a list is missing"):
            as_list(other)
        with pytest.raises(RemoteProtocolError, match="a map is missing"):
            as_map(other)


def test_keys_that_are_no_texts() -> None:
    # Written out, an object in which two references lead to each one below would never end.
    key = JavaObject("x")
    with pytest.raises(RemoteProtocolError, match="keys that are not text"):
        as_map(JavaObject("java.util.HashMap", written=[b"", key, "value"]))
