"""ZMTP as a subscriber uses it: in chunks of any size, and with real sockets."""

from __future__ import annotations

import asyncio
import struct
import tempfile
from pathlib import Path

import pytest
import zmq
import zmq.asyncio
from hypothesis import given
from hypothesis import strategies as st

from kernels.launcher.zmtp_bytes import COMMAND, GREETING, READY, frame, stream
from yarnhub.base.errors import RemoteProtocolError
from yarnhub.kernels.launcher.output import Output
from yarnhub.kernels.launcher.tap import tap
from yarnhub.kernels.launcher.zmtp import Subscriber
from yarnhub.kernels.protocol import MAX_PARTS

MESSAGES = [[b"topic", b"", b"x" * 300], [b"y"]]


@given(st.lists(st.lists(st.binary(max_size=300), min_size=1, max_size=5)), st.data())
def test_any_chunks_give_the_same_messages(
    messages: list[list[bytes]], data: st.DataObject
) -> None:
    content = stream(messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)))))
    subscriber = Subscriber(100_000)
    sent = subscriber.data_to_send()
    found: list[list[bytes] | None] = []
    for start, end in zip([0, *cuts], [*cuts, len(content)], strict=True):
        found += subscriber.receive(content[start:end])
        sent += subscriber.data_to_send()
    assert found == messages
    assert sent[:12] == b"\xff" + bytes(8) + b"\x7f\x03\x00"
    assert sent[64:].startswith(b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03SUB")
    assert sent.endswith(b"\x00\x01\x01")


def test_nothing_is_sent_before_the_peer_has_said_who_it_is() -> None:
    subscriber = Subscriber(1000)
    assert len(subscriber.data_to_send()) == 64
    subscriber.receive(GREETING[:63])
    assert subscriber.data_to_send() == b""
    subscriber.receive(GREETING[63:])
    assert b"READY" in subscriber.data_to_send()


def test_long_messages_are_read_and_not_kept() -> None:
    subscriber = Subscriber(500)
    content = stream([[b"a"], [b"b" * 600], [b"c", b"d" * 300, b"e" * 300, b"f"], [b"g"]])
    assert subscriber.receive(content) == [[b"a"], None, None, [b"g"]]
    assert subscriber.receive(stream([[b"d" * 600]])[len(stream([])) :]) == [None]
    subscriber.limit = 1000
    assert subscriber.receive(frame(b"d" * 600)) == [[b"d" * 600]]


def test_a_message_of_countless_parts_is_not_kept() -> None:
    subscriber = Subscriber(10**9)
    content = stream([[b""] * MAX_PARTS, [b""] * (MAX_PARTS + 1), [b"x"]])
    assert subscriber.receive(content) == [[b""] * MAX_PARTS, None, [b"x"]]


def test_a_frame_that_never_ends_takes_no_memory() -> None:
    subscriber = Subscriber(1000)
    subscriber.receive(stream([]) + b"\x02" + struct.pack(">Q", 2**63))
    for _ in range(100):
        assert subscriber.receive(bytes(100_000)) == []
    assert len(subscriber._buffer) == 0


def test_commands_between_messages_are_ignored() -> None:
    subscriber = Subscriber(1000)
    content = stream([[b"a"]]) + frame(b"\x04PING" + bytes(300), COMMAND) + frame(b"b")
    assert subscriber.receive(content) == [[b"a"], [b"b"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n", "does not use ZMTP"),
        (b"\xff" + bytes(8) + b"\x00", "does not use ZMTP"),
        (GREETING.replace(b"\x03\x01", b"\x02\x00", 1), "ZMTP 3 without security"),
        (GREETING.replace(b"NULL", b"CURVE"[:4], 1), "ZMTP 3 without security"),
        (GREETING + frame(b"x"), "before the handshake"),
        (GREETING + frame(b"\x05ERROR\x02no", COMMAND), "refused: b'\\x05ERROR\\x02no'"),
        (GREETING + b"\x06" + struct.pack(">Q", 2**20), "a handshake of 1048576 bytes"),
        (GREETING + READY + b"\x08\x00", "flags 0x8"),
        (GREETING + READY + b"\x05\x00", "flags 0x5"),
    ],
    ids=range(9),
)
def test_what_is_not_zmtp_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(RemoteProtocolError) as refused:
        Subscriber(1000).receive(content)
    assert message in str(refused.value)


@pytest.mark.parametrize("kind", [zmq.PUB, zmq.XPUB])
@pytest.mark.parametrize("transport", ["ipc", "tcp"])
async def test_real_sockets(kind: int, transport: str) -> None:
    output = Output(100_000_000, lambda: 1.0, lambda: None)
    messages = [[b"", b"a" * 255, b"b" * 256], [b"c" * 10_000_000], [b""]]
    with tempfile.TemporaryDirectory() as folder, zmq.asyncio.Context() as context:
        address: str | tuple[str, int] = f"{folder}/s"
        publisher = context.socket(kind)
        if transport == "ipc":
            publisher.bind(f"ipc://{address}")
        else:
            address = ("127.0.0.1", publisher.bind_to_random_port("tcp://127.0.0.1"))
        task = asyncio.get_running_loop().create_task(tap(address, output, lambda: None))
        async with asyncio.timeout(30):
            while not output.history()[2]:  # until it has subscribed
                await publisher.send(b"first")
                await asyncio.sleep(0.01)
            for each in messages:
                await publisher.send_multipart(each)
            number = len(output.history()[2])
            while (
                output.history()[0] < number + 1 or output.history()[2][-1] != b"\0\0\0\x01\0\0\0\0"
            ):
                await asyncio.sleep(0.01)
        kept = output.history()[2][-3:]
        assert [len(each) for each in kept] == [4 * 4 + 511, 8 + 10_000_000, 8]
        publisher.close(linger=0)
        async with asyncio.timeout(30):
            await task
    assert not Path(folder).exists()
