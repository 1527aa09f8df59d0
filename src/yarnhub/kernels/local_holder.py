"""Holds kernels whose ApplicationMasters run in this process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import secrets
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from yarnhub.base.background import BackgroundTasks
from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import (
    ConfigurationError,
    DeadlineExceededError,
    LocalProtocolError,
    RemoteProtocolError,
    SpecError,
    YarnhubError,
)
from yarnhub.base.tasks import task_group
from yarnhub.control import json
from yarnhub.control.bootstrap import given_secrets
from yarnhub.kernels.companions import Companions
from yarnhub.kernels.held_kernel import HeldKernel
from yarnhub.kernels.kernel import KernelHolder
from yarnhub.kernels.launcher_zip import launcher_command, launcher_secrets
from yarnhub.kernels.programs import CONNECT
from yarnhub.kernels.protocol import LAUNCH, TAGS, Launch, Room
from yarnhub.kernels.records import KernelRecord, KernelRecords
from yarnhub.kernels.requests import Requests
from yarnhub.kernels.why_waiting import WhyWaiting
from yarnhub.sessions.limits import NOTHING
from yarnhub.sessions.request import SessionRequest
from yarnhub.sessions.session import SessionEnd
from yarnhub.sessions.tags import HubTags
from yarnhub.sessions.unmanaged_holder import BUDGETS as SESSION_BUDGETS
from yarnhub.sessions.unmanaged_holder import UnmanagedHolder, UnmanagedSession
from yarnhub.unmanaged.state_folder import StateFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path
    from typing import Self

    from yarnhub.client.access.settings import Settings
    from yarnhub.kernels.request import KernelRequest

_log = logging.getLogger(__name__)

T = TypeVar("T")

SERVICE = "kernel"
"""The name of a kernel's application, and of its service."""
BUDGETS = replace(SESSION_BUDGETS, streams=100)
"""Of one kernel. A page that opens a kernel takes four streams; the launcher keeps five besides."""
RECORD = "kernel.record"
"""The name of the secret with a kernel's record: the record may not have been written, or be
damaged, when its application is found again."""
MAX_DEAD = 20
"""Dead kernels that are kept for each owner, the latest ones."""
_MAX_AGE = 7 * 24 * 3600.0
"""Seconds that one is kept."""
MAX_RECORD = 16 * 1024
"""Bytes of a record, and so of a `Launch`, which contains less. A node may write both behind the
token agent's zip, and Python looks for a zip in a token file's last 64 KiB only."""
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_GRACE = 8.0
"""Seconds for a container to end; its launcher gives the kernel five of them."""
_FIND = 10.0
"""Seconds between two attempts to find the application of a kernel whose state is not known."""

_LEAVE = 5.0
"""Seconds by which the end of a holder is delayed while YARN does not respond."""
_NOT_KNOWN = "what Spark sessions use is not known yet. Try again in a few seconds."


class LocalKernelHolder(KernelHolder):
    """Holds kernels as unmanaged applications of this process; see `KernelHolder`.

    Leaving it, or its end by any other means, ends no kernel: YARN keeps them for
    `yarn.am.liveness-monitor.expiry-interval-ms` (15 minutes by default), and the next process with
    the same folder holds them again.

    Args:
        settings: The cluster's configuration, and this process's login: it acts for the users.
        folder: Where kernels are kept: private, on a local disk, for one process at a time.
        host: The host name at which containers reach this process.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        folder: Path,
        host: str,
        clock: Callable[[], float] = time.time,  # noqa: TID251  # the records' own
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._host = host
        self._clock = clock
        self._waiting = WhyWaiting(settings)
        self._records = KernelRecords(folder / "kernels")
        self._kernels: dict[str, HeldKernel] = {}
        self._starting: set[str] = set()
        self._unknown: dict[str, str] = {}
        """The users of applications whose kernels are not known, by the applications' ids."""
        self._may_leave = False
        """Whether a kernel may have left applications that it has started; it may be forgotten."""
        self._usage_is_known = False
        """Whether `started` of all kernels is known."""
        self._tasks = BackgroundTasks()
        self._stack = contextlib.AsyncExitStack()

    # --- the block

    async def __aenter__(self) -> Self:
        """See `KernelHolder`."""
        async with contextlib.AsyncExitStack() as stack:
            stack.enter_context(StateFolder(self._folder).held())
            # One thread: what is written is written in the order in which it was given.
            self._disk = stack.enter_context(ThreadPoolExecutor(1, "kernel records"))
            applications = StateFolder(self._folder / "applications")
            secret = await asyncio.to_thread(applications.secret)
            self._tags = HubTags(secret, SERVICE)
            self._companions = Companions(self._settings, f"{self._tags.all_sessions}-companion")
            self._sessions = self._new_sessions(self._tags, applications.path)
            stack.push_async_callback(self._sessions.aclose)
            stack.push_async_callback(self._leave)
            for record in await self._on_disk(self._records.read):
                self._kernels[record.request.id] = self._kernel(record)
            await self._find()
            self._usage_is_known = not self._may_leave  # no kernel can have started anything
            await stack.enter_async_context(self._tasks)
            _ = self._tasks.start(self._find_again(), "kernels whose state is not known")
            self._stack = stack.pop_all()
        return self

    def _new_sessions(self, tags: HubTags, folder: Path) -> UnmanagedHolder:
        """Create what holds the applications; tests have one without YARN."""
        settings, host = self._settings, self._host
        return UnmanagedHolder(settings, tags, folder=folder, host=host, budgets=BUDGETS)

    async def aclose(self) -> None:
        """See `KernelHolder`."""
        await self._stack.aclose()

    async def _leave(self) -> None:
        # The next process would find what kernels have left that were stopped just now, but it may
        # never come.
        try:
            async with Deadline(_LEAVE, f"YARN has not listed them within {_LEAVE:g} s"):
                await self._end_companions()
        except DeadlineExceededError as error:
            _log.warning("applications of kernels that have ended may still run: %s", error)
        async with task_group() as group:
            for kernel in self._kernels.values():
                group.create_task(kernel.leave())

    # --- what an earlier process held

    async def _find(self) -> None:
        """Find the applications of all kernels that are not known to be dead."""
        sessions = {session.id: session for session in await self._sessions.held()}
        self._unknown = {each: self._unknown[each] for each in self._unknown.keys() & sessions}
        known = {kernel.application_id for kernel in self._kernels.values()}
        for session in sessions.values():
            if session.id in known or session.id in self._unknown:
                continue
            record = _given(session)
            if record is None:
                self._unknown[session.id] = session.user
            elif record.request.id not in self._starting:
                await self._on_disk(self._records.keep, record)
                self._kernels[record.request.id] = self._kernel(record)
        async with task_group() as group:
            for kernel in self._kernels.values():
                if kernel.dead or kernel.session is not None:
                    continue
                found = sessions.get(kernel.application_id)
                if found is not None:
                    kernel.hold(found)
                else:
                    group.create_task(self._find_end(kernel))

    async def _find_end(self, kernel: HeldKernel) -> None:
        """Ask YARN how an application ended that nobody held."""
        try:
            found = await self._sessions.find(kernel.application_id)
        except YarnhubError as error:
            _log.warning("kernel %s: its state is not known: %s", kernel.id, error)
            return
        if isinstance(found, SessionEnd):
            await kernel.die(found.outcome)

    async def _find_again(self) -> None:
        while True:
            self._forget_old()
            await self._end_companions()
            await asyncio.sleep(_FIND)
            known = all(each.dead or each.session for each in self._kernels.values())
            if known and not self._unknown:
                continue
            try:
                await self._find()
            except ConfigurationError as error:
                _log.error("kernels cannot be held: %s", error)

    async def _end_companions(self) -> None:
        """End the applications that kernels have started whose processes have ended."""
        if not self._may_leave:
            return
        self._may_leave = False
        # Theirs may belong to a kernel whose record is damaged.
        spared = frozenset(self._unknown.values())
        none = await self._companions.sweep(self._alive, spared)
        for kernel in self._kernels.values():
            kernel.started = self._companions.used.get(kernel.id, NOTHING)
        self._usage_is_known |= self._companions.known
        if not none or any(each.request.program for each in self._kernels.values()):
            self._may_leave = True

    def _alive(self) -> dict[str, str]:
        """The kernels that may have a process, with their users."""
        return {
            each.id: each.request.user
            for each in self._kernels.values()
            if not (each.dead or each.without_process)
        }

    def _forget_old(self) -> None:
        """Forget the dead kernels that their owners have not forgotten."""
        oldest = self._clock() - _MAX_AGE
        kept: Counter[str] = Counter()
        dead = [each for each in self._kernels.values() if each.dead]
        for kernel in sorted(dead, key=lambda each: each.record.ended, reverse=True):
            kept[kernel.request.owner] += 1
            if kept[kernel.request.owner] > MAX_DEAD or kernel.record.ended < oldest:
                self.forget(kernel.id)

    # --- kernels

    async def start(self, request: KernelRequest) -> HeldKernel:
        """See `KernelHolder.start`.

        Raises:
            SpecError: There is a kernel of this id, too.
            OwnAccountError: It would run as the user of this process.
        """
        if not _UUID.fullmatch(request.id):
            raise SpecError("id", "a kernel's id is a UUID of lower-case letters and digits")
        if request.id in self._kernels or request.id in self._starting:
            raise SpecError("id", f"there is a kernel {request.id} already")
        self._starting.add(request.id)
        try:
            return await self._start(request)
        finally:
            self._starting.discard(request.id)

    async def _start(self, request: KernelRequest) -> HeldKernel:
        record = KernelRecord(request=request, key=secrets.token_hex(32), created=self._clock())
        given = {
            **kernel_secrets(record, self._companions.tags(request.id)),
            **await asyncio.to_thread(launcher_secrets, request.program),
        }
        session = await self._sessions.start(self._specified(request).specification, given)
        assert isinstance(session, UnmanagedSession)
        kernel = self._kernel(replace(record, application=session.id))
        try:
            await self._on_disk(self._records.keep, kernel.record)
        except BaseException:
            await session.stop(now=True)
            await self._on_disk(self._records.forget, request.id)
            raise
        kernel.hold(session)
        self._kernels[request.id] = kernel
        return kernel

    def _specified(self, request: KernelRequest) -> SessionRequest:
        return SessionRequest(
            user=request.user,
            owner=request.owner,
            hub=self._tags,
            name=request.id,
            queue=request.queue,
            memory=request.memory,
            vcores=request.vcores,
            resource_types=request.resource_types,
            node_label=request.node_label,
            priority=request.priority,
            command=launcher_command(request.python),
            prologue=request.prologue,
            files=request.files,
            tags=request.tags,
            grace_period=_GRACE,
        )

    def _kernel(self, record: KernelRecord) -> HeldKernel:
        async def keep(changed: KernelRecord) -> bool:
            return await self._on_disk(self._records.keep, changed)

        async def room() -> Room | None:
            found = await self.room(kernel) if self.room is not None else None
            if found not in (None, Room()) and not self._usage_is_known:
                raise YarnhubError(_NOT_KNOWN)
            return found

        if record.request.program:
            self._may_leave = True
        requests = Requests(
            record.request.id,
            record.request.user,
            settings=self._settings,
            companions=self._companions,
            waiting=self._waiting,
            clock=time.monotonic,
            # Spark itself may be on another one.
            file_systems=[file.source for file in record.request.files.values()],
            room=room,
        )
        kernel = HeldKernel(record, clock=self._clock, keep=keep, requests=requests)
        return kernel

    async def _on_disk(self, function: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._disk, function, *arguments)

    def find(self, kernel_id: str) -> HeldKernel | None:
        """See `KernelHolder.find`."""
        return self._kernels.get(kernel_id)

    def kernels(self) -> Sequence[HeldKernel]:
        """See `KernelHolder.kernels`."""
        return sorted(self._kernels.values(), key=lambda kernel: kernel.record.created)

    def forget(self, kernel_id: str) -> None:
        """See `KernelHolder.forget`.

        Raises:
            LocalProtocolError: It is not dead.
        """
        kernel = self._kernels.get(kernel_id)
        if kernel is None:
            return
        if not kernel.dead:
            raise LocalProtocolError(f"kernel {kernel_id} is not dead")
        del self._kernels[kernel_id]
        self._disk.submit(self._records.forget, kernel_id)


def kernel_secrets(record: KernelRecord, tags: Iterable[str]) -> dict[str, bytes]:
    """The secrets of one kernel's application.

    Args:
        record: The kernel's.
        tags: Of applications that its process starts itself.

    Raises:
        SpecError: They are too large.
    """
    kept = json.dump(record)
    if len(kept) > MAX_RECORD:
        raise SpecError(
            "env",
            f"the command and all variables of a kernel take {-(-len(kept) // 1024)} KiB, and at "
            f"most {MAX_RECORD // 1024} KiB are possible; use a file for more",
        )
    request = record.request
    launch = Launch(
        argv=request.argv,
        env={**request.env, TAGS: ",".join(tags)} if request.program else request.env,
        cwd=request.cwd,
        key=record.key,
        name=request.name,
        interrupt=request.interrupt,
        transport=request.transport,
        once=request.program == CONNECT,
    )
    return {LAUNCH: json.dump(launch), RECORD: kept}


def _given(session: UnmanagedSession) -> KernelRecord | None:
    """The record of a kernel among the secrets that its application was given."""
    given = given_secrets(session.application.credentials.secrets)
    try:
        record = json.load(KernelRecord, given[RECORD])
    except (KeyError, RemoteProtocolError, ValueError) as error:
        _log.error("%s is held, but the record of its kernel is damaged: %s", session.id, error)
        return None
    return replace(record, application=session.id)
