"""What a launcher and the holder of its kernel send each other; no I/O.

The launcher connects to the port at which the ApplicationMaster's process serves its containers,
with the application's own pair and the ALPN protocol `yarnhub.stream.1`. The first byte says what
the connection is for, see `Purpose`:

- *control*: the launcher sends a `Report` whenever its state has changed, and one at the start; the
  holder sends orders. Each `Report` and `Order` is a line of JSON.
- *idle*: the connection waits until the holder sends one byte, a `Channel`. From then on it carries
  the bytes of one ZeroMQ connection to the kernel's socket (ZMTP, unchanged in both directions).
  For `Channel.HISTORY` it carries the messages that the kernel published while nobody listened, as
  `pack_message` writes them, then `END`: a TLS connection cannot be closed in one direction only.
  The launcher forgets the messages when it reads `RECEIVED`.

- *request*: the kernel's process asks the holder for something, by a `Request`. The
  holder sends an `Answer`, each of them a line of JSON, then as many bytes as that says, and closes
  the connection. The process finds the launcher's Unix socket for such connections by the variable
  `REQUESTS`.

The launcher always keeps some idle connections open.

Only the launcher connects, so a container needs no open port. A launcher that has lost its
connection connects again and reports, to whichever process holds the application by then.
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yarnhub.base.errors import RemoteProtocolError
from yarnhub.control import json

if TYPE_CHECKING:
    from collections.abc import Sequence

LAUNCH = "kernel"
"""The name of the secret with the `Launch`."""
RECEIVED = b"\x01"
CONTAINER = "YARNHUB_CONTAINER"
"""A variable of the kernel: the container's folder."""
REQUESTS = "YARNHUB_REQUESTS"
"""A variable of the kernel: the path of the socket for its requests."""
GENERATION = "YARNHUB_GENERATION"
"""A variable of the kernel: counts the processes of its container, from 1."""
TAGS = "YARNHUB_TAGS"
"""A variable of the kernel: the tags of YARN applications that end with it, with commas between."""
MAX_REQUESTS = 4
"""Requests at once of the process of one kernel, or of a kind of all kernels of one server."""
TOO_MANY = f"more than {MAX_REQUESTS} requests at once"
"""What the others are answered."""
HISTORY = 8 * 1024 * 1024
"""Bytes of messages that a launcher keeps, unless its `Launch` has another number."""
MAX_LINE = 64 * 1024
"""Bytes of a report or an order; the longest text in one is an error of some hundred characters."""
MAX_PARTS = 1000
"""Parts of a message: one for each buffer, in addition to seven of its own."""
_LENGTH = struct.Struct(">I")


class Purpose(enum.Enum):
    """What a launcher's connection is for; its first byte."""

    CONTROL = b"C"
    IDLE = b"I"
    REQUEST = b"R"


class Ask(enum.Enum):
    """What the process of a kernel may ask of its holder, for its own user."""

    TOKENS = "tokens"
    """A Hadoop token file with new delegation tokens of the kernel's user, which the
    ResourceManager renews, empty on a cluster without security; and `room`."""
    END_APPLICATIONS = "end-applications"
    """Kill the YARN applications that the process has started, see `TAGS`; `ended` has their
    ids."""
    BUSY = "busy"
    """The kernel is in use, although no cell runs: it is not idle from now on."""
    WHY_WAITING = "why-waiting"
    """Why an application that the process has started gets no containers; see `Request`, and
    `reason` of the answer."""
    CONNECT = "connect"
    """Keep what `Request.connect` has. The answer is a certificate for the process's node and its
    key, both in PEM, one after the other; nothing if the server has ended."""


class Channel(enum.Enum):
    """What an idle connection is used for; the byte that the holder sends.

    The first five are the sockets of Jupyter's protocol, in the order of a connection file; with
    `transport: ipc` they are also the suffixes of the sockets' names.
    """

    SHELL = 1
    IOPUB = 2
    STDIN = 3
    CONTROL = 4
    HB = 5
    HISTORY = 6


SOCKETS = (Channel.SHELL, Channel.IOPUB, Channel.STDIN, Channel.CONTROL, Channel.HB)


class Activity(enum.Enum):
    """What a kernel does, by the last status that it has published."""

    UNKNOWN = "unknown"
    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"


class ProcessState(enum.Enum):
    """The state of a kernel's process."""

    STARTING = "starting"
    """It has not bound its sockets."""
    RUNNING = "running"
    ENDED = "ended"
    """The launcher waits for an order to start another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """The data for a launcher in its container's token file.

    Attributes:
        argv: The kernelspec's, with `{connection_file}` and `{resource_dir}`.
        env: The kernelspec's variables, and those of the request; they may be secret.
        cwd: The folder that the kernel starts in; empty for the container's own `work` folder.
        key: The HMAC key with which messages are signed.
        name: The kernelspec's name.
        interrupt: `signal`, or `message` if the kernel is interrupted on its control channel.
        transport: `ipc` if the kernel binds Unix sockets; `tcp` if it only binds ports, which are
            the node's loopback interface's then.
        history: Bytes of messages that are kept while nobody listens; the oldest are dropped.
        once: Whether the container ends when the process has ended.
    """

    argv: tuple[str, ...]
    env: dict[str, str]
    cwd: str = ""
    key: str
    name: str
    interrupt: str = "signal"
    transport: str = "ipc"
    history: int = HISTORY
    once: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A launcher's state, always the whole of it.

    Attributes:
        generation: Counts the processes that it has started, from 1.
        state: Of the latest process.
        pid: Of that process, on its node; 0 if it could not be started.
        code: Exit code of the process that ended; negative for a signal.
        error: Why it could not be started, as the operating system says; empty otherwise.
        activity: Of the kernel.
        active: When it last published something, in seconds since 1970; 0 if it has not.
        order: The number of the latest order that was carried out.
        dropped: Messages that were dropped since the last time they were received.
    """

    generation: int
    state: ProcessState
    pid: int = 0
    code: int | None = None
    error: str = ""
    activity: Activity = Activity.UNKNOWN
    active: float = 0.0
    order: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a launcher is to do. It ignores an order that is not newer than the last one.

    Attributes:
        number: Rises with each order of one kernel, also after a restart of the holder.
        signal: A signal for the kernel's process and all of its children; 0 for none.
        start: The generation of the process to start; what is left of the one before is killed.
            0 starts none.
    """

    number: int
    signal: int = 0
    start: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectReport:
    """What the process of a Spark Connect server reports: where it listens, or why it has ended.

    Attributes:
        port: The port on its node, with TLS.
        token: What clients have to send.
        error: Why it has ended; empty if it has not.
        generation: Which of the kernel's processes it is; see `GENERATION`. The launcher's report
            of a new process may arrive later than this one.
    """

    port: int = 0
    token: str = field(default="", repr=False)
    error: str = ""
    generation: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request of the kernel's process.

    Attributes:
        ask: What it asks for.
        application: The id of the application that waits, for `Ask.WHY_WAITING`.
        memory: Of a container that it waits for, in MiB.
        vcores: Of a container that it waits for.
        part: Which of several processes asks that share tags: its applications have the tag
            `TAG.PART` besides; empty if it is the only one.
        connect: With `Ask.CONNECT`.
    """

    ask: Ask
    application: str = ""
    memory: int = 0
    vcores: int = 0
    part: str = field(default="", metadata=json.OMIT_DEFAULT)
    connect: ConnectReport | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How much the kernel's user may hold besides what runs now; None is no limit.

    Attributes:
        memory: Bytes.
        vcores: Virtual cores.
        step: YARN rounds the memory of a container up to a multiple of it; bytes.
        viewer: The cluster's name of the service, which must be able to see what is used.
        error: Why that is not known, in words; empty otherwise.
    """

    memory: int | None = None
    vcores: int | None = None
    step: int = 0
    viewer: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to a request.

    Attributes:
        error: Why it failed, in words; empty otherwise.
        size: Bytes that follow the line.
        ended: The ids of the applications that have been killed.
        reason: Why an application waits, in words; empty if that is unknown.
        room: For what is started with the tokens; None without limits.
    """

    error: str = ""
    size: int = 0
    ended: tuple[str, ...] = ()
    reason: str = ""
    room: Room | None = field(default=None, metadata=json.OMIT_DEFAULT)


def line(message: Report | Order | Request | Answer) -> bytes:
    """The line for a message."""
    return json.dump(message) + b"\n"


def read_report(data: bytes) -> Report:
    """A line of a launcher's.

    Raises:
        RemoteProtocolError: It is not a report.
    """
    return json.load(Report, data)


def read_order(data: bytes) -> Order:
    """A line of a holder's.

    Raises:
        RemoteProtocolError: It is not an order.
    """
    return json.load(Order, data)


def read_request(data: bytes) -> Request:
    """A line of the kernel's process.

    Raises:
        RemoteProtocolError: It is not a request.
    """
    return json.load(Request, data)


def pack_message(parts: Sequence[bytes]) -> bytes:
    """One message of several parts: their number, then the length and bytes of each."""
    packed = [_LENGTH.pack(len(parts))]
    for part in parts:
        packed += (_LENGTH.pack(len(part)), part)
    return b"".join(packed)


END = pack_message(())
"""Follows the last message: a message without parts."""


def unpack_messages(data: bytes) -> list[list[bytes]]:
    """The messages in what `pack_message` wrote, without `END`.

    Raises:
        RemoteProtocolError: It ends in the middle of a message, or is something else.
    """
    messages: list[list[bytes]] = []
    at = 0
    while at < len(data):
        count, at = _number(data, at)
        if count > MAX_PARTS:
            raise RemoteProtocolError(f"a message of {count} parts: {MAX_PARTS} are allowed")
        parts = []
        for _ in range(count):
            length, at = _number(data, at)
            if at + length > len(data):
                raise RemoteProtocolError("the messages end in the middle of one")
            parts.append(data[at : at + length])
            at += length
        messages.append(parts)
    return messages


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number, and where it ends."""
    if at + _LENGTH.size > len(data):
        raise RemoteProtocolError("the messages end in the middle of one")
    return _LENGTH.unpack_from(data, at)[0], at + _LENGTH.size
