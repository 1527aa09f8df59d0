"""Jupyter Server's manager of all kernels, those in containers and local ones.

What it changes: `POST` answers at once, and the model says why a kernel waits, or why it was
refused or ended, until it is deleted; a kernel that waits can be deleted; a server stops in time
whatever its kernels do, and leaves those in containers running; the next server finds them again.
"""

from __future__ import annotations

import asyncio
import getpass
import logging
import os
import uuid
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_client.kernelspec import NoSuchKernel
from jupyter_core.paths import jupyter_data_dir
from jupyter_core.utils import ensure_async
from jupyter_server._tz import utcnow
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado import web
from tornado.ioloop import IOLoop
from traitlets import Any as AnyTrait
from traitlets import Bool, Unicode, default
from traitlets.utils.importstring import import_item

from yarnhub.base.errors import ConfigurationError, DeadlineExceededError, YarnhubError
from yarnhub.base.foreign_text import quoted
from yarnhub.base.tasks import task_group
from yarnhub.integrations.kernels import words
from yarnhub.integrations.kernels.adoption import Adoption
from yarnhub.integrations.kernels.container_kernel import ContainerKernel, done
from yarnhub.integrations.kernels.holding import Holding
from yarnhub.integrations.kernels.requests import Owner

if TYPE_CHECKING:
    from yarnhub.integrations.kernels.server_records import ServerKernelRecord
    from yarnhub.kernels.kernel import Kernel, KernelHolder

_STOP = 10.0
"""Seconds that the stop of a server waits for its kernels to end."""
_log = logging.getLogger(__name__)


class UnknownKernelspec(web.HTTPError, NoSuchKernel):
    """A kernelspec that does not exist; Jupyter Server's sessions recognize `NoSuchKernel`."""

    def __init__(self, name: str) -> None:
        web.HTTPError.__init__(self, 404, words.unknown_kernelspec(name))
        self.reason = None
        self.name = name


class YarnhubKernelManager(AsyncMappingKernelManager):
    """The kernels of one server.

    Attributes:
        holding: Its kernels in containers.
        kept: By user, the bytes that connections of clients keep.
        adoption: Those that a former server in a container has left.
    """

    folder = Unicode(
        config=True,
        help="""The directory in which servers store what they need to find their kernels again.
        Only its owner can read it. Servers that run at the same time use different subdirectories.
        """,
    )

    holder_factory = AnyTrait(
        "yarnhub.integrations.kernels.local.hold",
        config=True,
        help="""What starts kernels and holds their ApplicationMasters: a function, or its import
        path, that is called with the directory of this server and returns a
        `yarnhub.kernels.kernel.KernelHolder`. By default, the ApplicationMasters run in the
        server's own process.
        """,
    )

    keep_kernels_on_stop = Bool(
        True,
        config=True,
        help="""Whether kernels in containers keep running when the server stops. The next server of
        the same user finds them again with their variables. YARN ends kernels that no server holds
        after `yarn.am.liveness-monitor.expiry-interval-ms`, 15 minutes by default.
        """,
    )

    server_name = Unicode(
        config=True,
        help="""The name of this server among its user's. If it is set, what holds the kernels keeps
        with each what the next server of this name needs to find it again, even if `folder` is
        gone. A server in a container gets its path at the hub from `gateway.configure`.
        """,
    )

    user = Unicode(
        config=True,
        help="""The name on the cluster of the user whose kernels these are. By default,
        `HADOOP_USER_NAME`, or the user of the server's process.""",
    )

    @default("folder")
    def _default_folder(self) -> str:
        return str(Path(jupyter_data_dir()) / "yarnhub-kernels")

    @default("user")
    def _default_user(self) -> str:
        hadoop = os.environ.get("HADOOP_USER_NAME")  # noqa: TID251  # the server's configuration
        return hadoop or getpass.getuser()

    @default("kernel_manager_class")
    def _default_kernel_manager_class(self) -> str:
        return f"{ContainerKernel.__module__}.{ContainerKernel.__name__}"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.use_pending_kernels = True
        self.kept = Counter[str]()
        self.holding = Holding(Path(self.folder), self._make_holder, self.owns)
        self.holding.sockets.interrupted = self._interrupted
        # At once: a look at the sessions deletes those whose kernels do not exist.
        records = list(self.holding.records)
        for record in records:
            if not record.ending:
                self._restore(record)
        self.adoption = Adoption(self.holding, self.server_name)
        IOLoop.current().add_callback(self._find_kernels, records)

    def __bool__(self) -> bool:
        """True, with no kernels too: Jupyter Server stops its kernel manager only if that is so."""
        return True

    def _make_holder(self, folder: Path) -> KernelHolder:
        make = self.holder_factory
        if isinstance(make, str):
            try:
                make = import_item(make)
            except ImportError as error:
                raise ConfigurationError(
                    f"c.YarnhubKernelManager.holder_factory cannot be imported: {error}"
                ) from error
        holder: KernelHolder = make(folder)
        return holder

    def owner_of(self, kernel_id: str) -> Owner:
        """For whom a kernel runs."""
        return Owner(name=self.user, user=self.user)

    def owns(self, kernel: Kernel) -> bool:
        """Whether a kernel with the id of one of this server's is that one.

        A holder may have kernels of other users: none of them is found again, or ended.
        """
        return True

    # --- kernels of a former server

    def _restore(self, record: ServerKernelRecord) -> None:
        kernel: ContainerKernel = self.kernel_manager_factory(
            connection_file=str(Path(self.connection_dir) / f"kernel-{record.id}.json"),
            parent=self,
            log=self.log,
            kernel_name=record.name,
            kernel_spec_manager=self.kernel_spec_manager,
        )
        kernel.restore(record)
        kernel.last_activity = utcnow()
        self._kernels[record.id] = kernel
        self._kernel_connections[record.id] = 0

    async def _find_kernels(self, records: list[ServerKernelRecord]) -> None:
        """Begin to find the kernels of a former server again."""
        for record in records:
            self._find_kernel(record)
        _ = self.holding.tasks.start(self._adopt(), name="kernels of a former container")

    async def _adopt(self) -> None:
        records = await self.adoption.records()
        for record in records:
            if not record.ending:
                self._restore(record)
            self._find_kernel(record)
        self.adoption.end([each for record in records for each in record.sessions])

    def _find_kernel(self, record: ServerKernelRecord) -> None:
        if record.ending:
            self.holding.begin_end(record.id)
            return
        kernel = self._kernels[record.id]
        start = kernel.start_kernel(env=dict(record.env), cwd=record.cwd)
        self._pending_kernels[record.id] = self.holding.tasks.start(
            self._add_kernel_when_ready(record.id, kernel, start),
            name=f"kernel {record.id} is found again",
        )
        self._pending_kernel_tasks[record.id] = self.holding.tasks.start(
            self._finish_kernel_start(record.id), name=f"kernel {record.id} becomes ready"
        )

    async def list_kernels(self) -> list[dict[str, Any]]:
        """The models of all kernels; waits a moment for those of a former container's server."""
        await self.adoption.wait()
        models: list[dict[str, Any]] = super().list_kernels()
        return models

    def _interrupted(self, kernel: Kernel, generation: int) -> None:
        found = self._kernels.get(kernel.id)
        if isinstance(found, ContainerKernel):
            found.interrupted(kernel, generation)

    def start_watching_activity(self, kernel_id: str) -> None:
        """Follow what a kernel publishes, whatever that is."""
        super().start_watching_activity(kernel_id)
        stream = self._kernels[kernel_id]._activity_stream  # noqa: SLF001
        record = stream._recv_callback  # noqa: SLF001  # it raises, and each message would be logged

        def recorded(parts: list[bytes]) -> None:
            try:
                record(parts)
            except Exception as error:  # noqa: BLE001  # whatever a kernel sends
                self.note_malformed(kernel_id, error)

        stream.on_recv(recorded)

    def note_malformed(self, kernel_id: str, error: Exception) -> None:
        """Note that a message of a kernel cannot be read: in the log, once for each kernel."""
        kernel = self._kernels.get(kernel_id)
        if kernel is not None and not getattr(kernel, "is_malformed", False):
            kernel.is_malformed = True
            _log.warning("kernel %s sends malformed messages: %s", kernel_id, quoted(error))

    def note_client(self, kernel_id: str, session: str, protocol: str) -> None:
        """Store which client connected, for the output that it misses while no server runs."""
        change = self.holding.records.change_aside(kernel_id, session=session, protocol=protocol)
        _ = self.holding.tasks.start(change, name=f"record of kernel {kernel_id}")

    # --- the start

    async def _async_start_kernel(
        self, *, kernel_id: str | None = None, path: str | None = None, **kwargs: Any
    ) -> str:
        if kernel_id is None or kernel_id not in self:
            await self._check_new(kernel_id, kwargs.get("kernel_name") or self.default_kernel_name)
        started = await super()._async_start_kernel(kernel_id=kernel_id, path=path, **kwargs)
        return str(started)

    start_kernel = _async_start_kernel

    async def _check_new(self, kernel_id: str | None, kernel_name: str) -> None:
        if kernel_id is not None and not _is_uuid(kernel_id):
            raise web.HTTPError(400, words.invalid_id(str(kernel_id)))
        if kernel_id is not None and self.holding.is_ending(kernel_id):
            raise web.HTTPError(409, words.still_ends(kernel_id))
        await self._check_kernelspec(kernel_id, kernel_name)

    async def _check_kernelspec(self, kernel_id: str | None, kernel_name: str) -> None:
        try:
            self.kernel_spec_manager.get_kernel_spec(kernel_name)
        except NoSuchKernel as error:
            # A list waits for the kernelspecs of a service.
            if kernel_name not in await ensure_async(self.kernel_spec_manager.get_all_specs()):
                raise UnknownKernelspec(kernel_name) from error

    async def _finish_kernel_start(self, kernel_id: str) -> None:
        kernel = self._kernels.get(kernel_id)
        if kernel is None:
            return
        ready = done(kernel.ready)
        try:
            await ready
        except Exception as error:  # noqa: BLE001  # of any provisioner
            self._failed(kernel_id, kernel, error)
        else:
            await super()._finish_kernel_start(kernel_id)
            if _in_container(kernel):
                kernel.problem = ""
                kernel.show_activity()

    def _failed(self, kernel_id: str, kernel: Any, error: Exception) -> None:
        """Keep a kernel that did not start, with the reason, until it is deleted."""
        self._pending_kernels.pop(kernel_id, None)  # jupyter_client would wait for it at its end
        if self._kernels.get(kernel_id) is not kernel or getattr(kernel, "detached", False):
            return
        kernel.execution_state, kernel.reason = "dead", str(error)
        container = getattr(kernel, "container", None)
        if container is not None and (container.has_ended or not kernel.found):
            self.holding.begin_end(kernel_id)  # a kernel that still runs has its user's variables

    def _handle_kernel_died(self, kernel_id: str) -> None:
        kernel = self._kernels.get(kernel_id)
        container = getattr(kernel, "container", None)
        if kernel is None or container is None or container.status is None:
            super()._handle_kernel_died(kernel_id)
            return
        kernel.execution_state = "dead"
        if container.is_dead:
            kernel.reason = words.ended(container.status)
        else:
            kernel.reason = words.died(container.status, kernel.restart_limit)
            self.holding.begin_end(kernel_id)
        self.stop_watching_activity(kernel_id)
        self.holding.sockets.close(kernel_id)
        _log.warning("kernel %s has died: %s", kernel_id, " ".join(kernel.reason.split()))

    # --- interrupts and restarts

    async def interrupt_kernel(self, kernel_id: str) -> None:
        """Interrupt a kernel.

        Raises:
            HTTPError: 409 while it waits; 503 if its container is not connected.
        """
        self._check_started(kernel_id, "interrupted")
        try:
            await super().interrupt_kernel(kernel_id)
        except DeadlineExceededError as error:
            raise web.HTTPError(503, words.lines(str(error))) from error

    async def _async_restart_kernel(self, kernel_id: str, now: bool = False) -> Any:
        self._check_started(kernel_id, "restarted")
        kernel = self._kernels[kernel_id]
        container = getattr(kernel, "container", None)
        if container is not None and kernel.execution_state == "dead":
            # The user asks for it, and knows that the variables are gone.
            await self.holding.end(kernel_id)
            container.renew()
        kernel.execution_state, kernel.reason = "restarting", ""
        return await super()._async_restart_kernel(kernel_id, now=now)

    restart_kernel = _async_restart_kernel

    def _check_started(self, kernel_id: str, action: str) -> None:
        self._check_kernel_id(kernel_id)
        kernel = self._kernels[kernel_id]
        if kernel.execution_state != "dead" and not kernel.ready.done():
            raise web.HTTPError(409, words.not_while_waiting(action))

    # --- models

    def kernel_model(self, kernel_id: str) -> dict[str, Any]:
        """What the REST API shows of a kernel: with `reason` while it waits, and after its end."""
        self._check_kernel_id(kernel_id)
        kernel = self._kernels[kernel_id]
        container = getattr(kernel, "container", None)
        if container is not None and kernel.execution_state == "starting":
            kernel.show_activity()  # jupyter_server waits for a message, and there may be none
        model: dict[str, Any] = super().kernel_model(kernel_id)
        if model["execution_state"] == "dead":
            return model
        if container is not None and container.is_dead:
            return model | {"execution_state": "dead", "reason": words.ended(container.status)}
        if not kernel.ready.done() and _in_container(kernel):
            return model | {"reason": kernel.waits_for()}
        return model

    # --- the end

    async def _async_shutdown_kernel(
        self,
        kernel_id: str,
        now: bool = False,
        restart: bool = False,
    ) -> None:
        self._check_kernel_id(kernel_id)
        kernel = self._kernels[kernel_id]
        if _in_container(kernel):
            while not kernel.ready.done():
                kernel.withdraw()
                await asyncio.wait([done(kernel.ready)])
        await super()._async_shutdown_kernel(kernel_id, now=now, restart=restart)

    shutdown_kernel = _async_shutdown_kernel

    def remove_kernel(self, kernel_id: str) -> Any:
        """Remove a kernel; its container ends in the background, if it has not."""
        kernel = super().remove_kernel(kernel_id)
        self.close_buffer(kernel_id)  # of a client that has left since the shutdown began
        if self.holding.records.get(kernel_id) is not None:
            self.holding.begin_end(kernel_id)
        return kernel

    async def _async_shutdown_all(self, now: bool = False) -> None:
        """Stop with the server, in bounded time."""
        if self._culler_callback is not None:
            self._culler_callback.stop()
        kept = {
            kernel_id
            for kernel_id, kernel in self._kernels.items()
            if self.keep_kernels_on_stop and _in_container(kernel)
        }
        try:
            async with asyncio.timeout(_STOP):
                async with task_group() as group:
                    for kernel_id in set(self._kernels) - kept:
                        group.create_task(self._stopped(kernel_id, now=now))
                await self.holding.ended()
        except TimeoutError:
            _log.warning("not all kernels have ended within %g s", _STOP)
        # They stay listed: requests are answered until the process ends, and one for the sessions
        # would delete those of kernels that are not.
        for kernel_id in kept:
            self._kernels[kernel_id].detach()
            self.stop_watching_activity(kernel_id)
        await self.holding.aclose()
        self._close_sockets()

    shutdown_all = _async_shutdown_all

    def _close_sockets(self) -> None:
        """Close all ZeroMQ sockets, each by its stream: an event loop keeps those of others."""
        for connection in list(ZMQChannelsWebsocketConnection._open_sockets):  # noqa: SLF001
            if connection.multi_kernel_manager is self:
                connection.disconnect()
        for kernel_id in list(self._kernel_buffers):
            self.close_buffer(kernel_id)
        self.context.destroy(linger=0)

    def close_buffer(self, kernel_id: str) -> None:
        """Close the channels of the client for which messages are kept, if there is one."""
        for stream in self._kernel_buffers.pop(kernel_id, {}).get("channels", {}).values():
            if not stream.closed():
                stream.close()

    async def _stopped(self, kernel_id: str, *, now: bool) -> None:
        try:
            await self._async_shutdown_kernel(kernel_id, now=now)
            removal = self._pending_kernels.get(kernel_id)
            if removal is not None:
                await removal
        except (web.HTTPError, YarnhubError, RuntimeError) as error:
            _log.warning("kernel %s has not been shut down: %s", kernel_id, error)


def _in_container(kernel: Any) -> bool:  # of any class that the configuration names
    return isinstance(kernel, ContainerKernel) and kernel.in_container


def _is_uuid(kernel_id: object) -> bool:
    try:
        return isinstance(kernel_id, str) and str(uuid.UUID(kernel_id)) == kernel_id
    except ValueError:
        return False
