"""Both formats, as a real NodeManager wrote them, whole and damaged."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yarn.logs.recorded import CONTENT, FILES, NUMBERS, content_of, index_of
from yarnhub.base.errors import ConfigurationError, RemoteProtocolError
from yarnhub.yarn.logs.entry import LogEntry

DAMAGE = (RemoteProtocolError, ConfigurationError)
"""A changed byte may turn `none` into a compression that cannot be undone."""


@pytest.fixture(params=list(FILES))
def name(request: pytest.FixtureRequest) -> str:
    value: str = request.param
    return value


def test_each_log_of_each_container(name: str) -> None:
    data = FILES[name]
    entries = index_of(data)
    containers = {str(entry.container_id) for entry in entries}
    prefix = f"container_1795244559535_{NUMBERS[name]:04d}"
    assert containers == {f"{prefix}_01_000001", f"{prefix}_02_000001"}
    for container in containers:
        found = {
            entry.name: b"".join(content_of(data, entry))
            for entry in entries
            if str(entry.container_id) == container
        }
        assert found == CONTENT
    assert all(entry.length == len(CONTENT[entry.name]) for entry in entries)


def test_cut_off_at_every_byte(name: str) -> None:
    data = FILES[name]
    for size in range(len(data)):
        with pytest.raises(RemoteProtocolError):
            index_of(data[:size])


def test_the_front_cut_off_at_every_byte(name: str) -> None:
    data = FILES[name]
    for start in range(1, len(data)):
        with pytest.raises(DAMAGE):
            read_everything(data[start:])


def read_everything(data: bytes) -> None:
    for entry in index_of(data):
        assert sum(map(len, content_of(data, entry))) == entry.length


@pytest.mark.parametrize("xor", [0xFF, 0x80, 0x01])
def test_every_byte_changed_gives_logs_or_an_error(name: str, xor: int) -> None:
    data = bytearray(FILES[name])
    for at in range(len(data)):
        data[at] ^= xor
        try:
            read_everything(bytes(data))
        except DAMAGE:
            pass
        finally:
            data[at] ^= xor


@given(st.data())
def test_many_bytes_changed_give_logs_or_an_error(data: st.DataObject) -> None:
    original = FILES[data.draw(st.sampled_from(list(FILES)))]
    damaged = bytearray(original)
    places = st.integers(0, len(damaged) - 1)
    for at, byte in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=20)):
        damaged[at] = byte
    with contextlib.suppress(*DAMAGE):
        read_everything(bytes(damaged))


@given(st.binary(max_size=300))
def test_any_bytes_give_an_error(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        index_of(data)


def test_a_wrong_index_gives_an_error(name: str) -> None:
    # The file was replaced between the reading of its index and of its content.
    entry = next(entry for entry in index_of(FILES[name]) if entry.name == "numbers.log")
    longer = LogEntry(
        container_id=entry.container_id,
        name=entry.name,
        length=entry.length + 100_000,
        extent=entry.extent,
    )
    with pytest.raises(RemoteProtocolError):
        list(content_of(FILES[name], longer))
