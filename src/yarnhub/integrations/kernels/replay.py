"""What a client misses of a kernel while no server runs, for Jupyter Server's own buffer.

The launcher keeps what the kernel publishes while nobody listens. Jupyter Server keeps the messages
of a client that has disconnected, and sends them when it returns: so the launcher's messages go
there. The reply to a cell that ended meanwhile had no recipient, and is made from what the kernel
published, as JupyterLab shows the cell as running until it arrives.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from jupyter_client.session import DELIM, Session

from yarnhub.base.errors import YarnhubError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from yarnhub.kernels.kernel import Kernel

_CHANNELS = ("iopub", "shell", "control", "stdin")
_SUBSCRIBED = 3.0
"""Seconds for the kernel to confirm that it publishes to us; one that runs a cell may not."""
_REPEATED = 0.3
"""Seconds between requests: a subscription may reach the kernel after a request."""
_log = logging.getLogger(__name__)
_Buffered = tuple[str, list[bytes]]


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a kernel.

    Attributes:
        parts: As ZeroMQ delivered it.
        header: Its header.
        parent: The header of the request that it belongs to.
        content: Its content.
    """

    parts: list[bytes]
    header: dict[str, Any]
    parent: dict[str, Any]
    content: dict[str, Any]

    @classmethod
    def read(cls, parts: Sequence[Any]) -> Message | None:
        """Read a message; None if it is not one."""
        raw = [bytes(each) for each in parts]
        try:
            at = raw.index(DELIM)
            header, parent, _, content = (
                json.loads(each.decode(errors="replace")) for each in raw[at + 2 : at + 6]
            )
            return cls(raw, dict(header), dict(parent), dict(content))
        except (ValueError, TypeError, RecursionError) as error:
            _log.debug("a message of a kernel cannot be read: %s", error)
            return None

    @property
    def id(self) -> str:
        """Its `msg_id`."""
        return str(self.header.get("msg_id"))

    @property
    def kind(self) -> str:
        """Its `msg_type`."""
        return str(self.header.get("msg_type", ""))


class Missed:
    """The messages that a client has missed.

    Args:
        session: The client's.
        signer: Signs with the kernel's key; our own requests are of its session.
        seen: The `msg_id` of messages that it has not missed, and that the launcher may have kept.

    Attributes:
        subscribed: Set when the kernel's output arrives, which may be the response to a request of
            ours.
    """

    def __init__(self, session: str, signer: Session, seen: Iterable[str] = ()) -> None:
        self._session = session
        self._signer = signer
        self.subscribed = asyncio.Event()
        self._seen = set(seen)
        self._kept: list[tuple[str, Message]] = []
        self._live: list[tuple[str, Message]] = []

    def add(self, channel: str, parts: Sequence[Any], *, kept: bool = False) -> None:
        """Add a message, unless it is a double, or the response to a request of ours.

        Args:
            channel: Its channel.
            parts: As ZeroMQ delivered it.
            kept: Whether the launcher kept it; those are older than all others.
        """
        if channel == "iopub" and not kept:
            self.subscribed.set()
        message = Message.read(parts)
        if message is None or message.kind == "iopub_welcome":
            return
        number = message.id
        if message.parent.get("session") != self._signer.session and number not in self._seen:
            self._seen.add(number)
            (self._kept if kept else self._live).append((channel, message))

    @property
    def messages(self) -> list[tuple[str, Message]]:
        """All of them, with their channels, in their order."""
        return self._kept + self._live

    @property
    def first_count(self) -> int | None:
        """The count of the cell that ran when the server ended; None if it cannot be derived."""
        counts = [
            each.content.get("execution_count")
            for _, each in self.messages
            if each.kind == "execute_input"
        ]
        return counts[0] - 1 if counts and isinstance(counts[0], int) else None

    @property
    def lacks_count(self) -> bool:
        """Whether a cell ended whose count is only known to the kernel."""
        return any(self._count(cell) is None for cell in self._ended()) and not self.first_count

    def buffered(self, count: int | None = None) -> list[_Buffered]:
        """All messages in their order, with a reply for each cell that ended.

        Args:
            count: The count of the last cell, as the kernel reports it.
        """
        ended = {id(each): each for each in self._ended()}
        found: list[_Buffered] = []
        for channel, message in self.messages:
            if id(message) in ended:
                known = self._count(message) or self.first_count or count
                found.append(("shell", self._reply(message, known)))
            found.append((channel, message.parts))
        return found

    def _ended(self) -> Iterable[Message]:
        """The messages with which the kernel reports the end of a cell that has no reply."""
        replied = {
            each.parent.get("msg_id")
            for channel, each in self.messages
            if channel == "shell" and each.kind == "execute_reply"
        }
        for channel, each in self.messages:
            if (
                channel == "iopub"
                and each.kind == "status"
                and each.content.get("execution_state") == "idle"
                and each.parent.get("msg_type") == "execute_request"
                and each.parent.get("session") == self._session
                and each.parent.get("msg_id") not in replied
            ):
                yield each

    def _of_cell(self, message: Message) -> list[Message]:
        cell = message.parent.get("msg_id")
        return [each for _, each in self.messages if each.parent.get("msg_id") == cell]

    def _count(self, message: Message) -> int | None:
        for each in self._of_cell(message):
            count = each.content.get("execution_count")
            if isinstance(count, int):
                return count
        return None

    def _reply(self, message: Message, count: int | None) -> list[bytes]:
        content: dict[str, Any] = {"status": "ok", "payload": [], "user_expressions": {}}
        for each in self._of_cell(message):
            if each.kind == "error":
                content = {**each.content, "status": "error"}
        content["execution_count"] = count
        # Half of a surrogate pair, which JSON can have, cannot be sent.
        text = json.dumps([content, message.parent], ensure_ascii=False)
        content, parent = json.loads(text.encode(errors="replace"))
        reply = self._signer.msg("execute_reply", content, parent={"header": parent})
        return [bytes(each) for each in self._signer.serialize(reply)]


async def replay(manager: Any, kernel_manager: Any, kernel: Kernel) -> None:
    """Have the client that was connected last receive what it missed when it connects again.

    Args:
        manager: The `YarnhubKernelManager`.
        kernel_manager: The kernel's `ContainerKernel`, which is not ready.
        kernel: The kernel.
    """
    record = manager.holding.records.get(kernel.id)
    if record is None or not record.session:
        return
    signer = Session(key=kernel.key.encode())
    missed = Missed(record.session, signer)
    channels = {}
    for name in _CHANNELS:
        connect = getattr(kernel_manager, f"connect_{name}")
        stream = channels[name] = connect(identity=record.session.encode())
        stream.channel = name
        stream.on_recv(partial(missed.add, name))
    await all_subscribed(kernel_manager, signer, [missed])
    try:
        for parts in await kernel.history():
            missed.add("iopub", parts, kept=True)
    except YarnhubError as error:
        _log.warning("kernel %s: its output without a server is lost: %s", kernel.id, error)
    count = await last_count(kernel_manager, signer) if missed.lacks_count else None
    manager.start_buffering(kernel.id, f"{kernel.id}:{record.session}", channels)
    manager._kernel_buffers[kernel.id]["buffer"][:0] = missed.buffered(count)  # noqa: SLF001


async def all_subscribed(kernel_manager: Any, signer: Session, clients: Sequence[Missed]) -> None:
    """Wait until the kernel publishes to all clients: each request has it publish its status.

    Waits in vain, for some seconds, for a kernel that runs a cell and does not answer meanwhile.
    """
    stream = kernel_manager.connect_control()
    try:
        async with asyncio.timeout(_SUBSCRIBED):
            while any(not each.subscribed.is_set() for each in clients):
                signer.send(stream, "kernel_info_request")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_REPEATED):
                        for each in clients:
                            await each.subscribed.wait()
    except TimeoutError:
        _log.info("kernel %s does not respond: it may run a cell", kernel_manager.kernel_id)
    finally:
        stream.close()


async def last_count(kernel_manager: Any, signer: Session) -> int | None:
    """The count of the last cell, from a request that runs nothing; None without a reply."""
    stream = kernel_manager.connect_shell()
    reply: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
    stream.on_recv(lambda parts: None if reply.done() else reply.set_result(parts))
    content = {"code": "", "silent": True, "store_history": False, "allow_stdin": False}
    signer.send(stream, "execute_request", content)
    try:
        async with asyncio.timeout(_SUBSCRIBED):
            message = Message.read(await reply)
    except TimeoutError:
        return None
    finally:
        stream.close()
    count = message.content.get("execution_count") if message is not None else None
    return count if isinstance(count, int) else None
