"""Runs one application: passes events to the core, and executes its actions."""

from __future__ import annotations

import asyncio
import functools
import logging
from typing import TYPE_CHECKING, Any, TypeVar, assert_never

from yarnhub.appmaster.core.actions import (
    Action,
    Ask,
    Finish,
    Launch,
    Probe,
    Release,
    Reply,
    Resume,
    Signal,
    Stop,
    UseTokens,
)
from yarnhub.appmaster.core.events import (
    Asked,
    Event,
    Heartbeat,
    Refused,
    Resynced,
    Started,
    Tick,
    Withdrawn,
)
from yarnhub.appmaster.shell.containers import UNREACHABLE, ContainerWork, answers
from yarnhub.appmaster.shell.heartbeat import HeartbeatTimer
from yarnhub.appmaster.shell.journal.recorder import Recorder
from yarnhub.base.errors import (
    AttemptNotFoundError,
    CallOutcome,
    ConnectionLostError,
    ControlError,
    InvalidRequestError,
    NotRegisteredError,
    RemoteError,
    YarnhubError,
)
from yarnhub.base.tasks import task_group
from yarnhub.control import diagnostics
from yarnhub.control.messages import Failure
from yarnhub.hadoop.wire.tokens import TokenStorage
from yarnhub.yarn.records.applications import FinalApplicationStatus

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from yarnhub.appmaster.core.application import Application
    from yarnhub.appmaster.core.contexts import ContextBuilder
    from yarnhub.appmaster.shell.containers import NodeManagersPort
    from yarnhub.appmaster.shell.journal.recorder import Journal
    from yarnhub.appmaster.shell.scheduler import SchedulerPort
    from yarnhub.appmaster.shell.tokens import OwnTokens
    from yarnhub.control.messages import Request
    from yarnhub.yarn.records.ids import ContainerId
    from yarnhub.yarn.records.resources import Resource, ResourceRequest

_log = logging.getLogger(__name__)

A = TypeVar("A")

_PROGRESS_UNSET = 0.1
"""The progress that YARN shows until the application sets it, as in skein."""
_MAX_UNEXPECTED = 5
"""The number of consecutive heartbeats that may fail with an unknown exception. A ResourceManager
that is stopping, or changing to standby, can raise any."""


class Runner:
    """Runs one application from its registration to its end.

    Args:
        application: The core; from now on, only the runner passes events to it.
        scheduler: The scheduler.
        node_managers: The nodes.
        contexts: Builds the launch contexts of containers.
        clock: Returns the time in seconds since 1970.
        journal: The journal, from which `recorder.restore` has restored it; None for an application
            that ends with this process.
        own_tokens: Called with newer tokens, for this process's own use; None for no use.
        heartbeat: The timer of heartbeats.
        answers: Returns whether a host's port accepts connections.
    """

    def __init__(
        self,
        application: Application,
        scheduler: SchedulerPort,
        node_managers: NodeManagersPort,
        contexts: ContextBuilder,
        clock: Callable[[], float],
        journal: Journal | None = None,
        own_tokens: OwnTokens | None = None,
        heartbeat: HeartbeatTimer | None = None,
        answers: Callable[[str, int], Awaitable[bool]] = answers,
    ) -> None:
        self._application = application
        self._scheduler = scheduler
        self._node_managers = node_managers
        self._clock = clock
        self._own_tokens = own_tokens
        self._containers = ContainerWork(
            application.spec.services,
            node_managers,
            contexts,
            clock,
            self.feed,
            self._begin,
            answers,
        )
        self._alarm: asyncio.TimerHandle | None = None
        self._asks: dict[tuple[int | None, str | None], ResourceRequest] = {}
        self._releases: list[ContainerId] = []
        self._replies: dict[int, asyncio.Future[Any]] = {}
        self._next_request = 0
        self._heartbeat = heartbeat or HeartbeatTimer()
        self._answer_lost = False
        self._unexpected = 0
        self._endpoint = ("", 0, "")
        self._group: asyncio.TaskGroup | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.headroom: Resource | None = None
        """The resources that the application may still get, as reported by the scheduler."""
        self.begun = asyncio.Event()
        """Set when it is registered and its first instances are recorded, or when it has ended."""
        self._recorder = Recorder(journal, application, self._act)
        self._finish = application.finish if application.over else None
        """How it ends; None before that is recorded."""

    async def run(self, host: str, port: int, tracking_url: str = "") -> Finish | None:
        """Register, run, and unregister.

        Containers that were taken over keep running; see `Recorder` for the record. After a
        cancellation, the application is still registered and its containers run: YARN starts
        another attempt or ends it.

        Args:
            host: The host name of the AM for clients.
            port: Its control port.
            tracking_url: The URL to which YARN's web pages link.

        Returns:
            How the application ends, which `unregister` reports to YARN; None if YARN ended this
            attempt itself.
        """
        self._endpoint = host, port, tracking_url
        self._node_managers.keep(self._application.yarn_tokens.nodes.values())
        self._recorder.start()
        async with task_group() as group:
            self._group = group
            self._begin(self._recorder.run(), "recorder")
            try:
                # The heartbeats must not stop because the disk is full: YARN would end the
                # application.
                await self._recorder.written()
                await self._register(Started)
                await self._recorder.written()
                self.begun.set()
                _log.info("control at %s:%s", host, port)
                while self._finish is None:
                    if not await self._beat():
                        break
                    await self._heartbeat.wait()
            finally:
                # YARN ends all containers with the application: there are no more actions.
                self._group = None
                self.begun.set()
                self._set_alarm()
                self._recorder.stop()
                for task in self._tasks:
                    task.cancel()
        return self._finish

    async def unregister(self, finish: Finish) -> None:
        """Report to YARN how the application ended, with any number of retries."""
        _log.info("the application ends: %s %s", finish.status.value, finish.diagnostics)
        while not await self._unregister(finish):
            await self._heartbeat.wait()

    def feed(self, event: Event) -> None:
        """Pass an event to the core; the resulting actions are executed once they are recorded."""
        self._recorder.put(self._application.handle(event, self._clock()))
        self._set_alarm()

    def _set_alarm(self) -> None:
        """Pass the time to the core when a `Tick` is due."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        due = self._application.due
        if due is not None and self._group is not None:
            pause = max(0.0, due - self._clock())
            loop = asyncio.get_running_loop()
            self._alarm = loop.call_later(pause, lambda: self._begin(self._tick(), "tick"))

    async def _tick(self) -> None:
        self.feed(Tick())

    async def ask(self, request: Request[A]) -> A:
        """Pass a client's request to the application; returns the answer.

        Cancelling withdraws a waiting request; any other has been executed.

        Raises:
            ControlError: It was refused; nothing was changed.
        """
        answer = await self.begin(request)
        if isinstance(answer, Failure):
            raise ControlError(answer.code, answer.message)
        return answer

    def begin(self, request: Request[A]) -> asyncio.Future[A | Failure]:
        """Pass a client's request to the application, without waiting for the answer.

        Returns:
            The answer. The future is done at once, unless the request waits for an event, or its
            effect must be recorded. Cancelling it withdraws a waiting request; any other has been
            executed.
        """
        self._next_request += 1
        number = self._next_request
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._replies[number] = reply
        self.feed(Asked(number, request))
        if number in self._replies:
            reply.add_done_callback(functools.partial(self._withdraw, number))
        return reply

    def _withdraw(self, number: int, reply: asyncio.Future[Any]) -> None:
        """Withdraw a request whose reply was cancelled: any other reply is not there any more."""
        if self._replies.pop(number, None) is reply:
            self.feed(Withdrawn(number))

    def abandon(self) -> None:
        """Fail all waiting requests: the run has ended."""
        replies, self._replies = self._replies, {}
        for reply in replies.values():
            if not reply.done():
                text = "the run of the application has ended before the answer"
                reply.set_exception(ConnectionLostError(text, CallOutcome.UNKNOWN))

    # --- heartbeats

    async def _beat(self) -> bool:
        """Send one heartbeat; returns whether the attempt continues."""
        # It acknowledges the last response, which will not be repeated.
        await self._recorder.written()
        asks, self._asks = self._asks, {}
        releases, self._releases = self._releases, []
        progress = self._application.progress
        try:
            response = await self._scheduler.allocate(
                tuple(asks.values()),
                releases,
                _PROGRESS_UNSET if progress is None else progress,
            )
        except AttemptNotFoundError as error:
            _log.warning("YARN has ended this attempt: %s", error)
            return False
        except (NotRegisteredError, *UNREACHABLE) as error:
            # Unknown is not dead: containers keep running, and all requests are sent again.
            self._releases = releases + self._releases
            await self._recover(error)
            return True
        except RemoteError as error:
            self._unexpected += 1
            if isinstance(error, InvalidRequestError) or self._unexpected > _MAX_UNEXPECTED:
                self.feed(Refused(str(error)))
            else:
                self._releases = releases + self._releases
                await self._recover(error)
            return True
        self._unexpected = 0
        self._node_managers.keep(response.nm_tokens)
        self.headroom = response.limit
        self.feed(Heartbeat(response))
        if self._answer_lost:
            # This may be the repetition of a lost response; the scheduler has then ignored the new
            # requests (ApplicationMasterService.allocate): send them again.
            self._answer_lost = False
            self._releases = releases + self._releases
            self.feed(Resynced())
        return True

    async def _recover(self, error: YarnhubError) -> None:
        """Prepare the next heartbeat after an error."""
        if isinstance(error, NotRegisteredError):
            _log.warning("the ResourceManager was restarted: registering again")
            await self._register(Resynced)
        else:
            _log.warning("the ResourceManager cannot be reached: %s", error)
            self._answer_lost = True

    async def _register(self, event: type[Started | Resynced]) -> None:
        try:
            response = await self._scheduler.register(*self._endpoint)
        except UNREACHABLE as lost:
            # The response to the next heartbeat shows whether it was executed.
            _log.warning("the ResourceManager cannot be reached: %s", lost)
            self.feed(event())
            return
        tokens = response.nm_tokens_from_previous_attempts
        self._node_managers.keep(tokens)
        self.feed(event(response.containers_from_previous_attempts, tokens))

    async def _unregister(self, finish: Finish) -> bool:
        """Report how the application ended; returns whether YARN has saved it."""
        status = FinalApplicationStatus[finish.status.value]
        try:
            await self._scheduler.finish(status, diagnostics.write(finish.outcome))
        except (NotRegisteredError, *UNREACHABLE) as error:
            await self._recover(error)
            return False
        return True

    # --- actions

    def _act(self, action: Action) -> None:
        match action:
            case Reply():
                self._answer(action)
            case Ask():
                for request in action.requests:
                    priority = request.priority.priority if request.priority else None
                    self._asks[priority, request.resource_name] = request
                self._heartbeat.hasten(waiting=any(ask.num_containers for ask in action.requests))
            case Release():
                self._releases.append(action.container_id)
                self._heartbeat.hasten(waiting=False)
            case Launch() | Resume() | Stop() | Signal() | Probe():
                self._containers.begin(action)
            case UseTokens():
                self._use_tokens(action)
            case Finish():
                self._finish = action
                self._heartbeat.hasten(waiting=False)
            case _:
                assert_never(action)

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> None:
        if self._group is None:
            work.close()  # the attempt is over, and its containers with it
            return
        task = self._group.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _answer(self, action: Reply) -> None:
        reply = self._replies.pop(action.request_id, None)
        if reply is not None and not reply.done():
            reply.set_result(action.answer)

    def _use_tokens(self, action: UseTokens) -> None:
        self._containers.use_tokens(action.tokens)
        if self._own_tokens is not None:
            tokens = TokenStorage.read(action.tokens).tokens
            self._begin(self._own_tokens.use(tokens), "use newer tokens")
