"""The websocket between a client and a kernel, for kernels that make their client wait.

Jupyter Server holds the handshake back until a kernel has started, and proxies and browsers give
up. Here the websocket opens at once. It keeps what the client sends until the kernel is connected;
JupyterLab sends the cells that the user runs after some seconds. Their output says what the kernel
waits for, and is cleared when it has started.

The status `dead` on a websocket has no text. So the websocket of a dead kernel is closed with a
code for which JupyterLab connects again; the handshake is refused, and JupyterLab asks for the
kernel's model and shows its reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from jupyter_client.session import Session
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from tornado import web
from tornado.websocket import WebSocketClosedError

from yarnhub.integrations.kernels.client_messages import channel_and_header, packed, runs_cell
from yarnhub.integrations.kernels.container_kernel import done
from yarnhub.integrations.kernels.interruption import BEFORE, SUBSCRIBED, SentCell
from yarnhub.integrations.kernels.replay import Message, Missed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from yarnhub.integrations.kernels.container_kernel import ContainerKernel

CLOSED = 4000
"""The code of a websocket that is closed for its kernel: neither 1000 nor 1001, which are final."""
_MAX_KEPT = 256 * 1024 * 1024
"""Bytes that all connections of a user keep: for kernels that start or do not read, and for clients
that do not read."""
_MAX_LEFT = 1024 * 1024
"""Bytes for a kernel that does not read, which are kept when their client leaves."""
_IN_ZMQ = 2
"""Messages to a kernel that ZeroMQ keeps, with `SNDHWM` 1: the next one, and one being written."""
_MAX_MESSAGES = 10_000
"""Of a client while its kernel starts: a notebook whose cells all run sends one for each."""
_MAX_CLIENTS = 20
"""Of a kernel, of which is known what they have when they return."""
_MAX_REASON = 120
"""Bytes: a closing frame has 125, two of which are the code (RFC 6455, 5.5)."""
_REFRESHED = 1.0
"""Seconds between looks at what a kernel waits for."""
_log = logging.getLogger(__name__)


class PatientConnection(ZMQChannelsWebsocketConnection):
    """The connection of one client to one kernel."""

    _held: list[Any] | None = None
    _connecting: asyncio.Task[None] | None = None
    _joined = _closing = _ended = False
    _user = ""
    _kept = 0
    """Bytes, as far as they count for `_MAX_KEPT`."""
    _interrupted = 0
    """Bytes in `held`."""
    _generation = 0
    """Of the kernel's process when the client was connected: no earlier one gets its cells."""
    kernel_info_channel: Any  # jupyter_server's
    limit_rate: Any  # jupyter_server's
    _sent: deque[str]
    held: Missed | None = None
    """What has come from the kernel while its channels are interrupted."""
    _running: dict[str, SentCell]
    """The client's requests to run cells that have no reply, by `msg_id`."""

    async def prepare(self) -> None:
        """Accept the websocket, unless the kernel is dead.

        Raises:
            HTTPError: 410 with the reason.
        """
        kernel = self.kernel_manager
        if kernel.execution_state == "dead":
            raise web.HTTPError(410, kernel.reason or "The kernel is dead.")
        await self._register_session()
        self._user = self.multi_kernel_manager.owner_of(self.kernel_id).name
        self._held = []
        self._told: dict[str, str] = {}
        self._running = {}
        self._sent = self._sent_before()

    def _sent_before(self) -> deque[str]:
        """The ids of what the client has, also by connections before: see `_note_sent`."""
        known: dict[str, deque[str]] = getattr(self.kernel_manager, "sent", {})
        sent = known.pop(self.session.session, None) or deque(maxlen=_MAX_MESSAGES)
        known[self.session.session] = sent  # the latest one is the last
        while len(known) > _MAX_CLIENTS:
            del known[next(iter(known))]
        return sent

    def connect(self) -> asyncio.Future[None]:
        """Connect to the kernel in the background: tornado reads no message before this returns."""
        self.websocket_handler.set_nodelay(True)  # else each execution takes 40 ms longer
        self.multi_kernel_manager.notify_connect(self.kernel_id)  # a kernel in use is not culled
        work = self._connect()
        name = f"client of kernel {self.kernel_id}"
        self._connecting = self.multi_kernel_manager.holding.tasks.start(work, name=name)
        opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        opened.set_result(None)
        return opened

    def disconnect(self) -> None:
        """End the connection, whether or not the kernel has started."""
        connecting = self._connecting
        if connecting is None or connecting.done():
            self._leave()
        else:  # it sets up the channels, which are kept for the client's return
            connecting.add_done_callback(lambda _: self._leave())
            connecting.cancel()

    def _leave(self) -> None:
        self._keep(-self._kept)
        self._closing = self._ended = True
        if self._joined:
            unread = sum(sum(each.unread) for each in self.channels.values())
            super().disconnect()
            self._leave_messages()
            if unread > _MAX_LEFT:  # the client's next connection gets other sockets
                self._close_left()
            return
        if self._connecting is not None:
            self.multi_kernel_manager.notify_disconnect(self.kernel_id)
        if self._open_sessions.get(self.session_key) is self.websocket_handler:
            self._open_sessions.pop(self.session_key)

    def _left(self) -> Any:
        """What is kept for the client's return; None if there is nothing."""
        buffer = self.multi_kernel_manager._kernel_buffers.get(self.kernel_id)  # noqa: SLF001
        ours = buffer is not None and buffer["session_key"] == self.session_key
        return buffer if ours else None

    def _leave_messages(self) -> None:
        """Leave what was kept to the buffer for the client's return, if there is one."""
        missed, self.held = self.held, None
        if missed is not None:
            missed.subscribed.set()  # nobody waits for it any longer
        buffer = self._left()
        if missed is not None and buffer is not None:
            buffer["buffer"][:0] = [(name, each.parts) for name, each in missed.messages]

    def _close_left(self) -> None:
        if self._left() is not None:
            self.multi_kernel_manager.close_buffer(self.kernel_id)

    def handle_incoming_message(self, incoming_msg: Any) -> None:
        """Send a message to the kernel, or keep it until the kernel has started."""
        if self._closing:
            return
        if self._held is None:
            channel, header = self._read(incoming_msg)
            if runs_cell(header):
                now = asyncio.get_running_loop().time()
                generation = max(self.kernel_manager.generation, self._generation)
                cell = SentCell(header, generation, now)
                self._running[header["msg_id"]] = cell
            stream = self.channels.get(channel)
            if stream is not None:
                stream.unread.append(len(incoming_msg))
                self._keep(len(incoming_msg))
            super().handle_incoming_message(incoming_msg)
            return
        self._held.append(incoming_msg)
        self._keep(len(incoming_msg))
        if len(self._held) > _MAX_MESSAGES:
            self._close("too many messages for a kernel that has not started")

    def handle_outgoing_message(self, stream: Any, outgoing_msg: list[Any]) -> None:
        """Send a message to the client, or keep it while the kernel's channels are interrupted."""
        channel = stream if isinstance(stream, str) else stream.channel
        if self.held is not None:
            size = sum(map(len, outgoing_msg))
            self._interrupted += size
            self._keep(size)
            self.held.add(channel, outgoing_msg)
            return
        self._note_sent(channel, outgoing_msg)
        try:
            super().handle_outgoing_message(stream, outgoing_msg)
        except WebSocketClosedError:
            _log.debug("a client of kernel %s has left", self.kernel_id)
        except Exception as error:  # noqa: BLE001  # whatever a kernel sends
            self.multi_kernel_manager.note_malformed(self.kernel_id, error)

    def _note_sent(self, channel: str, parts: list[Any]) -> None:
        """Note what the client has, as far as that matters after an interruption."""
        confirmed = getattr(self.kernel_manager, "confirmed", True)
        if confirmed:
            self._sent.clear()
        if channel == "shell" or (channel == "iopub" and not confirmed):
            message = Message.read(parts)
            if message is not None and channel == "shell":
                self._running.pop(str(message.parent.get("msg_id")), None)
            elif message is not None:
                self._sent.append(message.id)

    def hold(self, signer: Session) -> None:
        """Keep what comes from the kernel until `hand_on`; see `Missed`."""
        self.held = Missed(self.session.session, signer, self._sent)

    def _restore_interrupted(self) -> None:
        """Restore what is kept for the client's return if the kernel's channels are interrupted.

        Jupyter Server would send all of it as if it came after what the launcher keeps, and use
        sockets whose connections may be those of a process that has ended.
        """
        buffer = self._left()
        if buffer is None or not getattr(self.kernel_manager, "is_interrupted", False):
            return
        self.multi_kernel_manager.get_buffer(self.kernel_id, self.session_key)
        self.channels = buffer["channels"]
        before = buffer.get(BEFORE, 0)
        self._send_all(buffer["buffer"][:before])
        self._join_interruption()
        self._send_all(buffer["buffer"][before:])
        if self.held is not None:
            self.held.subscribed.clear()  # by what has arrived before
        for stream in self.channels.values():
            stream.close()
        self.channels = {}

    def _join_interruption(self) -> None:
        """Wait for what the kernel publishes while its channels are interrupted, if they are."""
        kernel = self.kernel_manager
        if getattr(kernel, "is_interrupted", False) and self.held is None:
            self.hold(Session(key=kernel.container.kernel.key.encode()))

    def hand_on(self, count: int | None, why_lost: Callable[[SentCell], str]) -> None:
        """Send what was kept.

        Args:
            count: See `Missed.buffered`.
            why_lost: Why there will be no reply to a cell; empty if there may be one.
        """
        missed, self.held = self.held, None
        self._keep(-self._interrupted)
        self._interrupted = 0
        if missed is None or not self.channels:
            return
        self._send_all(missed.buffered(count))
        for cell in list(self._running.values()):
            header, lost = cell.header, why_lost(cell)
            if not lost:
                continue
            self._send("stream", {"name": "stderr", "text": f"{lost}\n"}, header)
            failed = {"status": "error", "ename": "Interrupted", "evalue": lost, "traceback": []}
            reply = self.session.msg("execute_reply", failed, parent={"header": header})
            self.handle_outgoing_message("shell", self.session.serialize(reply))
            self._send("status", {"execution_state": "idle"}, header)

    def _send_all(self, messages: Iterable[tuple[str, list[bytes]]]) -> None:
        """Send what was kept; Jupyter's limit is for what comes as fast as it is sent."""
        limited, self.limit_rate = self.limit_rate, False
        try:
            for channel, parts in messages:
                self.handle_outgoing_message(channel, parts)
        finally:
            self.limit_rate = limited

    def on_restart_failed(self) -> None:
        """Close the websocket: the kernel is dead."""
        self._close(self.kernel_manager.reason or "the kernel is dead")

    # --- memory

    def _keep(self, size: int) -> None:
        """Count bytes that are kept, or no longer; closes the connection if there are too many."""
        if self._ended:
            return
        kept = self.multi_kernel_manager.kept
        self._kept += size
        kept[self._user] += size
        if kept[self._user] == 0:
            del kept[self._user]
        elif size > 0 and kept[self._user] > _MAX_KEPT:
            self._close("too many messages wait for kernels, or for clients that do not read them")

    def _count_unread(self) -> None:
        """Count what the kernel has not read; the sockets may be those of a former connection."""
        for stream in self.channels.values():
            stream.unread = getattr(stream, "unread", None) or deque([0] * _IN_ZMQ)
            self._keep(sum(stream.unread))
            stream.on_send(partial(self._accepted, stream.unread))

    def _accepted(self, unread: deque[int], _message: object, _status: object) -> None:
        """ZeroMQ has accepted one more message: it has written the one `_IN_ZMQ` before."""
        if unread:
            self._keep(-unread.popleft())

    def write_message(self, message: str | bytes, binary: bool = False) -> None:
        """Send a message to the client, in the background."""
        if self._closing:
            return
        written = self.websocket_handler.write_message(message, binary=binary)
        size = len(message)
        self._keep(size)

        def done(future: asyncio.Future[None]) -> None:
            self._keep(-size)
            if not future.cancelled():
                future.exception()  # asyncio logs errors that nothing has read

        written.add_done_callback(done)

    # --- until the kernel has started

    async def _connect(self) -> None:
        try:
            await self._wait()
            await super().prepare()
            self._clear()
            self._joined = True
            self.multi_kernel_manager.notify_disconnect(self.kernel_id)  # `connect` counts it again
            self._restore_interrupted()
            connected = super().connect()
            self._count_unread()
            self._join_interruption()
            if connected is not None:
                await connected
            self._generation = getattr(self.kernel_manager, "latest_generation", 0)
        except web.HTTPError as error:
            self._close(error.log_message or "the kernel has not started")
            return
        except (RuntimeError, TimeoutError) as error:
            _log.warning("kernel %s: a client is not connected: %s", self.kernel_id, error)
            self._close(str(error) or "the kernel does not respond")
            return
        finally:
            self._end_request()
        held, self._held = self._held or [], None
        self._keep(-sum(map(len, held)))
        for message in held:
            self.handle_incoming_message(message)
        self._note()

    def nudge(self) -> Any:  # a future, as of the base class
        """Wait until the kernel's output arrives here, before the client's messages are sent.

        Jupyter Server does not wait if the kernel is busy. But messages may have been lost which
        said that it no longer is, and a subscription takes longer to reach a container.
        """
        kernel = self.kernel_manager
        iopub = self.channels["iopub"]
        if getattr(kernel, "container", None) is None or iopub.receiving():
            return super().nudge()  # a local kernel, or channels for which messages are kept
        kernel.show_activity()
        if kernel.execution_state != "busy":
            return super().nudge()
        self._join_interruption()  # else what arrives would overtake what was kept
        name = f"output of kernel {self.kernel_id} arrives"
        return self.multi_kernel_manager.holding.tasks.start(self._subscribed(iopub), name=name)

    async def _subscribed(self, iopub: Any) -> None:
        """Wait until a subscription has reached a kernel that may not answer a request."""
        arrived = asyncio.Event()

        def received(parts: list[Any]) -> None:
            arrived.set()
            self.handle_outgoing_message("iopub", parts)

        iopub.on_recv(received)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SUBSCRIBED):
                await arrived.wait()

    def _end_request(self) -> None:
        """Close the channel on which `prepare` asks for the kernel's description, without reply."""
        channel, self.kernel_info_channel = self.kernel_info_channel, None
        if channel is None:
            return
        channel.close()
        kernel, asked = self.kernel_manager, self._kernel_info_future
        if not asked.done():
            asked.set_result({})  # other connections wait for it
        if getattr(kernel, "_kernel_info_future", None) is asked:
            del kernel._kernel_info_future  # noqa: SLF001  # the next one asks again

    async def _register_session(self) -> None:
        if not self.session_key:  # `prepare` of the base class, a second time
            await super()._register_session()

    async def _wait(self) -> None:
        """Wait until the kernel has started, and tell the client what it waits for."""
        kernel: ContainerKernel = self.kernel_manager
        ready = done(kernel.ready)
        if ready.done():
            return
        self._send("status", {"execution_state": "starting"})
        while not ready.done():
            await asyncio.wait([ready], timeout=_REFRESHED)
            if not ready.done():
                self._tell(kernel.waits_for())
        if ready.exception() is not None:
            raise web.HTTPError(410, str(ready.exception()))

    def _tell(self, text: str) -> None:
        """Show a text in the output of the cells that wait, replacing the previous one.

        A client without a session's id is a program, for which only the kernel's output counts.
        """
        if not self.websocket_handler.get_argument("session_id", ""):
            return
        for header in filter(None, map(self._execution, self._held or ())):
            before = self._told.get(header["msg_id"])
            if before == text:
                continue
            if before is not None:
                self._send("clear_output", {"wait": True}, header)
            self._told[header["msg_id"]] = text
            self._send("stream", {"name": "stdout", "text": f"{text}\n"}, header)

    def _clear(self) -> None:
        for header in filter(None, map(self._execution, self._held or ())):
            if header["msg_id"] in self._told:
                self._send("clear_output", {"wait": False}, header)

    def _note(self) -> None:
        info = self._kernel_info_future
        found = info.result() if info.done() else {}
        protocol = str(found.get("protocol_version", ""))
        self.multi_kernel_manager.note_client(self.kernel_id, self.session.session, protocol)

    def _execution(self, message: Any) -> dict[str, Any] | None:
        """The header of a message that runs a cell; None for all others."""
        header = self._read(message)[1]
        return header if runs_cell(header) else None

    def _read(self, message: Any) -> tuple[str, dict[str, Any]]:
        return channel_and_header(message, self.subprotocol)

    def _send(self, kind: str, content: dict[str, Any], parent: Any = None) -> None:
        message = self.session.msg(kind, content, parent={"header": parent} if parent else None)
        sent = packed(message, self.session, self.subprotocol)
        try:
            self.write_message(sent, binary=isinstance(sent, bytes))
        except WebSocketClosedError:
            _log.debug("a client of kernel %s has left", self.kernel_id)

    def _close(self, reason: str) -> None:
        self._closing = True
        short = " ".join(reason.split()).encode()[:_MAX_REASON].decode(errors="ignore")
        self.websocket_handler.close(CLOSED, short)
