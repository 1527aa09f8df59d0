"""How the commands reach the cluster and its applications, and what they say while they wait."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from typing import TYPE_CHECKING

from skein import environment, exceptions
from skein.exceptions import ApplicationNotRunningError, SkeinError
from yarnhub.base.errors import (
    ApplicationFailedError,
    ConnectError,
    ConnectionLostError,
    ControlError,
    DeadlineExceededError,
    FailureCode,
)
from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.client.client import Client
from yarnhub.control import diagnostics
from yarnhub.yarn.records.applications import YarnApplicationState
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from typing import Any

    from yarnhub.client.access.settings import Settings
    from yarnhub.client.application.client import ApplicationClient
    from yarnhub.yarn.records.applications import ApplicationReport

CURRENT = "current"
"""Stands for the application whose container the command runs in."""

_PATIENCE = 5.0
"""Seconds of waiting in silence."""
_LOOK = 0.25
"""Seconds between two looks at an application that is awaited."""
_START = 60.0
"""Seconds that a command waits for an application to start, when it is not told to wait."""
_SILENT_MASTER = 60.0
"""Seconds that nobody may answer after somebody has: as long as YARN may take to notice that an
ApplicationMaster has gone and to start another, or a ResourceManager to be restarted."""


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a command's coroutine; Ctrl-C cancels it."""
    asyncio.run(work)


def application_id(text: str) -> ApplicationId:
    """Read the id that a command was given.

    Raises:
        SkeinError: It is none.
    """
    try:
        return ApplicationId.parse(text)
    except ValueError as error:
        raise SkeinError(str(error)) from error


def cluster(user: str = "") -> Client:
    """The cluster that the environment names; an async context manager.

    Args:
        user: Whom to act for; empty is the user who calls.
    """
    return Client(settings(user))


def settings(user: str = "") -> Settings:
    """Where the cluster is that the environment names, and who the user is.

    Args:
        user: Whom to act for; empty is the user who calls.
    """
    return environment.settings().acting_for(user)


class Notices:
    """Says on standard error what a command waits for: after a while, and once per change.

    Args:
        clock: Seconds, from anywhere.
        say: Prints a line.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        say: Callable[[str], None] = lambda line: print(
            clean_and_cut(line), file=sys.stderr, flush=True
        ),
    ) -> None:
        self._clock = clock
        self._say = say
        self._began = clock()
        self._said = ""

    @property
    def waited(self) -> float:
        """Seconds since the beginning."""
        return self._clock() - self._began

    def waiting(self, reason: str) -> None:
        """Say why, unless it is too early or has been said."""
        if self.waited >= _PATIENCE and reason != self._said:
            self._said = reason
            self._say(reason)


def describe(report: ApplicationReport) -> str:
    """What an application that does not run yet waits for, on one line."""
    state = report.yarn_application_state.name
    said = _without_time(" ".join(report.diagnostics.split()))
    return f"{report.application_id} is {state} in queue {report.queue}{said and f': {said}'}"


def _without_time(diagnostics: str) -> str:
    """YARN's diagnostics without the time at their beginning, which changes all the while."""
    if diagnostics.startswith("["):
        return diagnostics.partition("]")[2].strip()
    return diagnostics


def not_running(report: ApplicationReport, purpose: str = "") -> ApplicationNotRunningError:
    """The error for an application that has ended.

    Args:
        report: Its last.
        purpose: What did not come to pass, such as ` before 'x' was set`.
    """
    state, status = report.yarn_application_state, report.final_application_status
    how = state.name if state.name == status.name else f"{state.name}, {status.name}"
    said = diagnostics.explain(report.diagnostics)
    return ApplicationNotRunningError(
        f"{report.application_id} has ended{purpose} ({how}){said and f': {said}'}\n"
        f"See its logs: skein application logs {report.application_id}"
    )


async def started(
    client: Client, number: ApplicationId, notices: Notices, *, deadline: float | None, purpose: str
) -> ApplicationReport:
    """Wait until an application runs; returns its report.

    Raises:
        ApplicationNotRunningError: It has ended.
        TimeoutError: It still waits; says for what.
    """
    while True:
        report = await client.application_report(number)
        if report.yarn_application_state is YarnApplicationState.RUNNING:
            return report
        if report.yarn_application_state.ended:
            raise not_running(report, purpose)
        if deadline is not None and notices.waited > deadline:
            raise exceptions.TimeoutError(f"gave up after {deadline:g} s: {describe(report)}")
        notices.waiting(describe(report))
        await asyncio.sleep(_LOOK)


@contextlib.asynccontextmanager
async def application(name: str) -> AsyncIterator[ApplicationClient]:
    """Reach an application by its id or as `current`; waits a while for it to start.

    Raises:
        ApplicationNotRunningError: It has ended.
        TimeoutError: It still waits for the cluster.
    """
    if name == CURRENT:
        async with current() as reached:
            yield reached
        return
    from yarnhub.client.applications import as_owner

    number = application_id(name)
    async with (
        cluster() as caller,
        as_owner(caller, number) as (client, _),
        await connect(client, number, Notices()) as reached,
    ):
        yield reached


async def connect(client: Client, number: ApplicationId, notices: Notices) -> ApplicationClient:
    """As `application`, with a connection to the cluster that is there."""
    await started(client, number, notices, deadline=_START, purpose="")
    return await client.connect(number, wait=False)


@contextlib.asynccontextmanager
async def current() -> AsyncIterator[ApplicationClient]:
    """The application whose container this process runs in; needs no Hadoop configuration.

    Raises:
        SkeinError: This is no container.
    """
    container = environment.current_container()
    if container is None:
        raise SkeinError(
            "'current' means the application whose container a command runs in, and this is no "
            "container: give the application's id"
        )
    async with container.application() as reached:
        yield reached


async def wait_for_key(name: str, key: str) -> bytes:
    """The value of a key as soon as it is set.

    A ResourceManager or an ApplicationMaster that is started anew meanwhile is waited for.

    Raises:
        ApplicationNotRunningError: The application has ended before; says why.
        YarnhubError: Nobody answers, at first or for a minute.
    """
    if name == CURRENT:
        async with current() as reached:
            return (await reached.keys.wait(key)).value
    number, notices = application_id(name), Notices()
    answered: bool = False
    failing_since: float | None = None
    async with cluster() as client:
        while True:
            try:
                await started(client, number, notices, deadline=None, purpose=_before(key))
                answered = True
                async with await client.connect(number, wait=False) as reached:
                    while (value := await _look_for_key(reached, key, notices)) is None:
                        failing_since = None
                    return value
            except ApplicationFailedError:
                continue  # it ended just now: `started` says how
            except (ConnectError, ConnectionLostError, DeadlineExceededError) as error:
                notices.waiting(f"{number} does not answer; trying again: {error}")
                failing_since = failing_since or notices.waited
                if not answered or notices.waited - failing_since > _SILENT_MASTER:
                    raise
            except ControlError as error:
                if error.code is not FailureCode.ENDED:
                    raise
            await asyncio.sleep(_LOOK)


def _before(key: str) -> str:
    return f" before {key!r} was set"


async def _look_for_key(reached: ApplicationClient, key: str, notices: Notices) -> bytes | None:
    """Wait a while for a key; None if it is not set by then."""
    from yarnhub.control.messages import WaitKey

    entries = (await reached.ask(WaitKey(key=key, timeout=_PATIENCE))).entries
    if entries:
        return entries[0].value
    containers = await reached.get_containers()
    states = [f"{each.id} is {each.state.value}" for each in containers[:4]]
    more = [f"{len(containers) - 4} more"] if len(containers) > 4 else []
    found = ", ".join(states + more) or "no container of it is active"
    notices.waiting(f"{reached.id} runs, {key!r} is not set yet; {found}")
    return None


async def shut_down(name: str, status: str, diagnostics: str) -> None:
    """Have an application end, wait until YARN shows it as ended, and delete its uploads.

    `current` is not waited for: this process ends with it.
    """
    from yarnhub.client import lifecycle
    from yarnhub.client.applications import as_owner
    from yarnhub.control.messages import FinalStatus

    final = FinalStatus(status)
    if name == CURRENT:
        async with current() as reached:
            await reached.shutdown(final, diagnostics)
        return
    number = application_id(name)
    async with (
        cluster() as caller,
        as_owner(caller, number) as (client, _),
        await connect(client, number, Notices()) as reached,
    ):
        await lifecycle.shut_down(client, reached, number, final, diagnostics)
