"""Watches an application through faults: what was promised is held against what is there."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import Counter
from typing import TYPE_CHECKING

from e2e.walk import masters, of_application, processes
from yarnhub.base.errors import YarnhubError
from yarnhub.control.messages import ContainerState, FinalStatus

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from yarnhub.client.application.client import ApplicationClient
    from yarnhub.control.messages import ServiceContainer

RECOVERY = 60.0
"""Seconds within which an application has to be well again."""
SCRIPT = 'echo "$SKEIN_CONTAINER_ID $CONTAINER_ID" >> {notes}; exec sleep 3600'


class Witness:
    """Uses one application while faults strike, and says what is wrong behind them.

    Args:
        application: Its id.
        notes: Where its containers note that they have started, one line each.
        reach: Connects to it, wherever it is now.
        seen: Tells which of its containers the ResourceManager knows to run. When an
            ApplicationMaster dies, it keeps these and ends all others, such as one whose node has
            not sent a heartbeat since (CapacityScheduler.doneApplicationAttempt). None for one
            that is in no container.
    """

    def __init__(
        self,
        application: str,
        notes: Path,
        reach: Callable[[], Awaitable[ApplicationClient]],
        seen: Callable[[], set[str]] | None = None,
    ) -> None:
        self.application = application
        self.notes = notes
        self._reach = reach
        self._seen = seen
        self.promised: dict[str, bytes] = {}
        """Keys whose setting was acknowledged."""
        self.refusals: list[str] = []
        """What was said to the user meanwhile."""
        self.steady: dict[str, str] = {}
        """YARN's containers of the service that nobody scales, by their names."""
        self._number = 0
        self._own = f"_{application.removeprefix('application_')}_"
        """A part of the ids of its containers."""

    @contextlib.asynccontextmanager
    async def reached(self) -> AsyncIterator[ApplicationClient]:
        """A client of the application, tried until it answers."""
        async with asyncio.timeout(RECOVERY):
            while True:
                try:
                    client = await self._reach()
                    async with client:
                        await client.get_containers()
                        break
                except YarnhubError:
                    await asyncio.sleep(0.1)
        async with await self._reach() as client:
            yield client

    async def use(self, chance: random.Random, until: asyncio.Event) -> None:
        """Set keys and scale the service `b`, whatever happens, until told to stop."""
        while not until.is_set():
            with contextlib.suppress(YarnhubError):
                async with await self._reach() as client:
                    await self._use(client, chance, until)

    async def _use(
        self, client: ApplicationClient, chance: random.Random, until: asyncio.Event
    ) -> None:
        while not until.is_set():
            self._number += 1
            key, value = f"k{self._number:06d}", b"v%d" % self._number
            try:
                await client.keys.put(key, value, chance.choice((None, "a_0")))
                self.promised[key] = value
                if self._number % 10 == 0:
                    await client.scale("b", count=chance.randrange(3))
            except YarnhubError as error:
                self.refusals.append(str(error))
                raise
            await asyncio.sleep(0.02)

    async def settle(self, *, replaced: bool = False) -> None:
        """Wait until the application is well again, and check that nothing was lost.

        Args:
            replaced: Whether the fault took containers with it.
        """
        async with self.reached() as client:
            await client.scale("b", count=1)
            clock = asyncio.get_running_loop().time
            until = clock() + RECOVERY
            while (problem := await self._problem(client)) is not None:
                assert clock() < until, f"{self.application} is not well again: {problem}"
                await asyncio.sleep(0.2)
            found = {entry.key: entry.value for entry in await client.keys.get_range()}
            running = await client.get_containers(states=[ContainerState.RUNNING])
        assert all(self.refusals), "a failure without words"
        lost = self.promised.keys() - found.keys()
        if replaced:  # with an owner that was lost its keys go
            lost = {key for key in lost if key in found}
        assert not lost, f"acknowledged keys are lost: {sorted(lost)}"
        assert all(found[key] == self.promised[key] for key in self.promised.keys() & found.keys())
        self._check_starts()
        steady = {each.id: each.yarn_container_id for each in running if each.service_name == "a"}
        if self.steady and not replaced:
            assert steady == self.steady, "a container was lost that YARN kept"
        self.steady = steady

    def _check_starts(self) -> None:
        lines = [line.split() for line in self.notes.read_text().splitlines() if self._own in line]
        for column, what in enumerate(("instance", "container")):
            twice = [name for name, count in Counter(x[column] for x in lines).items() if count > 1]
            assert not twice, f"started twice, {what}: {twice}"

    async def _problem(self, client: ApplicationClient) -> str | None:
        """What is not as it will be; None when all is well."""
        containers = await client.get_containers()
        waiting = [each.id for each in containers if each.state is not ContainerState.RUNNING]
        if waiting:
            return f"{waiting} do not run"
        counts = Counter(each.service_name for each in containers)
        if counts != {"a": 2, "b": 1}:
            return f"there are {dict(counts)}"
        return self._stray(containers) or self._unseen(containers)

    def _unseen(self, containers: tuple[ServiceContainer, ...]) -> str | None:
        """Whether YARN would not keep a container."""
        if self._seen is None:
            return None
        unseen = {each.yarn_container_id for each in containers} - self._seen()
        return f"YARN does not know that {unseen} run" if unseen else None

    def _stray(self, containers: tuple[ServiceContainer, ...]) -> str | None:
        """Whether the processes are those of the containers, each with one."""
        wanted = {each.yarn_container_id for each in containers}
        found = {name for name in all_containers() if self._own in name}
        return None if found == wanted else f"processes {found}, containers {wanted}"

    def kill_master(self) -> None:
        """Kill its ApplicationMaster, if there is one at the moment."""
        for pid in masters(self.application):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    async def end(self) -> None:
        """Shut it down; nothing of it may be left."""
        async with self.reached() as client:
            await client.shutdown(FinalStatus.SUCCEEDED)
        async with asyncio.timeout(RECOVERY):
            while of_application(self.application):
                await asyncio.sleep(0.1)


def all_containers() -> set[str]:
    """YARN's ids of the containers whose scripts run, of all applications."""
    return {
        _variable(variables, "CONTAINER_ID")
        for _, command, variables in processes().values()
        if command.startswith("sleep")
    }


def _variable(variables: str, name: str) -> str:
    return next(
        (line.partition("=")[2] for line in variables.splitlines() if line.startswith(f"{name}=")),
        "",
    )


async def strike(
    witness: Witness, chance: random.Random, fault: Callable[[], Awaitable[object]]
) -> None:
    """Use the application, and have the fault strike at a random moment meanwhile."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(witness.use(chance, stop))
        await asyncio.sleep(chance.uniform(0.0, 1.5))
        await fault()
        await asyncio.sleep(chance.uniform(0.0, 0.5))
        stop.set()
