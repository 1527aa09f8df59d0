"""TFiles written here, by the format's description."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yarn.logs.recorded import FILES, answer, content_of, index_of
from yarnhub.base.errors import ConfigurationError, RemoteProtocolError
from yarnhub.yarn.logs.source import CHUNK_SIZE
from yarnhub.yarn.logs.tfile import MAGIC, _vint

if TYPE_CHECKING:
    from collections.abc import Generator

    from yarnhub.yarn.logs.source import Need, Step

CONTAINER = "container_e17_1533143063639_0021_01_000002"


class Bytes:
    def __init__(self, data: bytes) -> None:
        self.data = data

    def exactly(self, size: int) -> Step[bytes]:
        taken, self.data = self.data[:size], self.data[size:]
        assert len(taken) == size
        yield from ()
        return taken


def run(step: Generator[Need, bytes, int]) -> int:
    with pytest.raises(StopIteration) as done:
        next(step)
    value: int = done.value.value
    return value


def vint(value: int) -> bytes:
    """`Utils.writeVLong`, the shortest of its forms."""
    if -32 <= value <= 127:
        return struct.pack("b", value)
    for more, low, high in ((1, -72, -33), (2, -104, -73), (3, -120, -105)):
        base = {1: 52, 2: 88, 3: 112}[more]
        first = (value >> 8 * more) - base
        if low <= first <= high:
            return struct.pack("b", first) + (value & (1 << 8 * more) - 1).to_bytes(more, "big")
    size = max(4, ((~value if value < 0 else value).bit_length() + 8) // 8)
    return struct.pack("b", size - 129) + value.to_bytes(size, "big", signed=True)


@given(st.integers(-(2**63), 2**63 - 1) | st.integers(-70000, 70000))
def test_variable_integers(value: int) -> None:
    assert run(_vint(Bytes(vint(value)))) == value


@pytest.mark.parametrize(
    ("data", "value"),
    [("00", 0), ("7f", 127), ("e0", -32), ("ccff", 255), ("ccdf", 223), ("cc80", 128),
     ("87ffffffffffffffff", -1), ("877fffffffffffffff", 2**63 - 1)],
)  # fmt: skip
def test_variable_integers_as_bytes(data: str, value: int) -> None:
    assert run(_vint(Bytes(bytes.fromhex(data)))) == value


def text(value: str) -> bytes:
    return vint(len(value.encode())) + value.encode()


def utf(value: str) -> bytes:
    return struct.pack(">H", len(value.encode())) + value.encode()


def value_of(logs: dict[str, bytes], chunk: int) -> bytes:
    whole = b"".join(utf(name) + utf(str(len(data))) + data for name, data in logs.items())
    parts = [whole[at : at + chunk] for at in range(0, len(whole), chunk)] or [b""]
    return b"".join(vint(-len(part)) + part for part in parts[:-1]) + (
        vint(len(parts[-1])) + parts[-1]
    )


def tfile(
    containers: dict[str, dict[str, bytes]],
    *,
    compression: str = "none",
    chunk: int = 1000,
    per_block: int = 2,
) -> bytes:
    pack = zlib.compress if compression == "gz" else bytes
    records = [
        vint(len(utf(key))) + utf(key) + value_of(logs, chunk) for key, logs in containers.items()
    ]
    out, regions = bytearray(MAGIC), []
    for at in range(0, len(records), per_block):
        raw = b"".join(records[at : at + per_block])
        stored = pack(raw)
        regions.append((len(out), len(stored), len(raw)))
        out += stored
    raw = text(compression) + vint(len(regions))
    raw += b"".join(vint(number) for region in regions for number in region)
    stored = pack(raw)
    index = len(out)
    out += stored
    metas = len(out)
    out += vint(1) + text("data:BCFile.index") + text(compression)
    out += vint(index) + vint(len(stored)) + vint(len(raw))
    return bytes(out) + struct.pack(">qhh", metas, 1, 0) + MAGIC


logs = st.dictionaries(st.sampled_from(["stdout", "stderr", "a", "café"]), st.binary(max_size=5000))


@given(
    st.lists(logs, max_size=4),
    st.sampled_from(["none", "gz"]),
    st.integers(1, 3000),
    st.integers(1, 3),
)
def test_what_was_written_is_read(
    written: list[dict[str, bytes]], compression: str, chunk: int, per_block: int
) -> None:
    containers = {f"container_1_0021_01_{n:06d}": found for n, found in enumerate(written)}
    ignored: dict[str, dict[str, bytes]] = {"VERSION": {"x": b"x"}, "APPLICATION_OWNER": {}}
    data = tfile(ignored | containers, compression=compression, chunk=chunk, per_block=per_block)
    found: dict[str, dict[str, bytes]] = {name: {} for name in containers}
    for entry in index_of(data):
        found[str(entry.container_id)][entry.name] = b"".join(content_of(data, entry))
    assert found == containers


def test_content_comes_in_bounded_pieces() -> None:
    big = bytes(range(256)) * 20_000
    for compression in ("none", "gz"):
        data = tfile({CONTAINER: {"stdout": big}}, compression=compression, chunk=1 << 20)
        pieces = list(content_of(data, index_of(data)[0]))
        assert b"".join(pieces) == big
        assert max(map(len, pieces)) <= CHUNK_SIZE


def test_a_plain_files_content_is_not_read_for_its_index() -> None:
    data = tfile({CONTAINER: {"big": bytes(10 << 20), "small": b"x"}}, chunk=1 << 20)
    asked = 0

    from yarnhub.yarn.logs.aggregated_file import read_index

    parser = read_index(len(data))
    need = next(parser)
    with pytest.raises(StopIteration):
        while True:
            asked += need.length
            need = parser.send(answer(data, need))
    assert asked < 5 << 20


@pytest.mark.parametrize("compression", ["lzo", "zstd", "snappy"])
def test_other_compressions_are_refused_in_words(compression: str) -> None:
    data = tfile({CONTAINER: {"a": b"x"}}, compression=compression)
    with pytest.raises(ConfigurationError, match=f"{compression}.*compression-type to gz or none"):
        index_of(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (tfile({"nobody": {"a": b""}}), "the key 'nobody'"),
        (tfile({CONTAINER: {"a": b"x"}}, compression="x"), "unknown compression 'x'"),
        (FILES["tfile-none"][:-28] + struct.pack(">qhh", 10**9, 1, 0) + MAGIC, "cannot be"),
        (FILES["tfile-none"][:-28] + struct.pack(">qhh", -1, 1, 0) + MAGIC, "cannot be"),
        (MAGIC, "not a TFile|neither"),
    ],
)
def test_damage(data: bytes, message: str) -> None:
    with pytest.raises(RemoteProtocolError, match=message):
        index_of(data)
