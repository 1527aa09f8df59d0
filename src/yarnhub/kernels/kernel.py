"""A kernel in a container, and what holds it: what all implementations have in common."""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.base.closing import Closing

# At run time, too: control.json reads the annotations.
from yarnhub.client.explain.reasons import Reason  # noqa: TC001
from yarnhub.control.outcomes import Outcome  # noqa: TC001
from yarnhub.kernels.protocol import Activity
from yarnhub.sessions.limits import NOTHING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Sequence
    from typing import Self

    from yarnhub.kernels.connect import ConnectServer
    from yarnhub.kernels.protocol import Channel, Room
    from yarnhub.kernels.request import KernelRequest
    from yarnhub.sessions.limits import Size


class KernelState(enum.Enum):
    """The state of a kernel."""

    WAITING = "waiting"
    """For its container, or for the first report of its launcher."""
    STARTING = "starting"
    """Its process has not bound its sockets."""
    RUNNING = "running"
    ENDED = "ended"
    """Its process has; its container has not: it can be restarted there."""
    DEAD = "dead"
    """Its application has ended; `outcome` says how."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelStatus:
    """What is known of a kernel.

    Attributes:
        state: Of the kernel.
        generation: Counts its processes, from 1.
        code: Exit code of the process that ended; negative for a signal; None otherwise.
        error: Why its process could not be started; empty otherwise.
        outcome: How its application ended; None unless it is dead.
        waits_for: Why YARN does not allocate its container; None if it does not wait, or if that
            is not known.
        node: The host of its container; empty while there is none.
        connected: Whether its launcher is connected at the moment.
        activity: What it does.
        active: When it last published something, or was in use, in seconds since 1970; 0 if that
            has not happened.
        used: When its process last said that it is in use although no cell runs; the same.
        dropped: Messages that its launcher has dropped while nobody listened.
    """

    state: KernelState
    generation: int = 1
    code: int | None = None
    error: str = ""
    outcome: Outcome | None = None
    waits_for: Reason | None = None
    node: str = ""
    connected: bool = False
    activity: Activity = Activity.UNKNOWN
    active: float = 0.0
    used: float = 0.0
    dropped: int = 0


class Kernel(ABC):
    """One kernel that has been submitted.

    Attributes:
        request: What it was started with.
        application_id: Such as `application_1700000000000_0001`.
        key: The HMAC key of its messages.
        started: What the YARN applications use that its process has started, as of some seconds
            ago; nothing if that is not known here.
    """

    request: KernelRequest
    application_id: str
    key: str
    started: Size = NOTHING

    @property
    def id(self) -> str:
        """Its id."""
        return self.request.id

    @property
    def connect(self) -> ConnectServer | None:
        """The Spark Connect server of its process, also one that has ended; None without one."""
        return None

    @property
    @abstractmethod
    def status(self) -> KernelStatus:
        """What is known of it, without a request to anybody."""

    @abstractmethod
    async def changed(self, seen: KernelStatus) -> KernelStatus:
        """Wait until its status is another one; returns that, at once if it is already.

        Cancelling leaves everything as it is.
        """

    @abstractmethod
    async def signal(self, number: int) -> None:
        """Send a signal to its process and all of its children; returns when that is done.

        Nothing happens if there is no process.

        Raises:
            DeadlineExceededError: The launcher has not confirmed it; it will get the order when it
                connects again.
        """

    @abstractmethod
    async def restart(self) -> int:
        """Have its launcher start a new process instead of the last one; returns its generation.

        Returns as soon as the order is on its way: `changed` tells when it runs.

        Raises:
            YarnhubError: The kernel is dead.
        """

    @abstractmethod
    async def stop(self, *, now: bool = False) -> None:
        """End its application; returns when its container is gone. Nothing if it has ended.

        Args:
            now: Without a grace period.

        Raises:
            DeadlineExceededError: YARN does not respond.
        """

    @abstractmethod
    async def open(
        self, channel: Channel, *, deadline: float = 30.0
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to one of its sockets, which carries ZMTP. The caller closes the writer.

        Args:
            channel: The socket.
            deadline: Seconds for the launcher to be connected.

        Raises:
            DeadlineExceededError: It was not.
            YarnhubError: The kernel is dead.
        """

    @abstractmethod
    async def history(self) -> list[list[bytes]]:
        """The messages that it published while nobody listened, oldest first; then forgotten.

        Listen first and call this then: some messages may arrive twice, but none is lost.

        Raises:
            DeadlineExceededError: Its launcher is not connected.
            YarnhubError: The kernel is dead.
        """

    @abstractmethod
    async def write_note(self, note: str) -> None:
        """Keep a text with it as `request.note`, for the next process of the client.

        Raises:
            YarnhubError: The service that holds it does not respond, or refuses it.
        """


class KernelHolder(Closing):
    """Starts kernels and holds them.

    An async context manager. Entering it finds the kernels that the process before it held; leaving
    it ends none.

    Attributes:
        room: How much a kernel's user may hold besides, for what the kernel's process starts; None
            without limits. Raises `YarnhubError` if that is not known.
    """

    room: Callable[[Kernel], Awaitable[Room]] | None = None

    @abstractmethod
    async def __aenter__(self) -> Self:
        """Find the kernels again.

        Raises:
            ConfigurationError: What is kept of them cannot be read or written.
            YarnhubError: YARN, or the service, does not respond.
        """

    @abstractmethod
    async def aclose(self) -> None:
        """Leave the kernels running; an async context manager calls it on exit."""

    @abstractmethod
    async def start(self, request: KernelRequest) -> Kernel:
        """Submit a kernel; returns when YARN has accepted it.

        An error or cancelling leaves nothing behind.

        Raises:
            SpecError: The cluster can never give what is asked for.
            ApplicationFailedError: YARN refused it, with its reason.
            YarnhubError: YARN does not respond.
        """

    @abstractmethod
    def find(self, kernel_id: str) -> Kernel | None:
        """A kernel that is held, or that ended while it was; None if there is none."""

    @abstractmethod
    def kernels(self) -> Sequence[Kernel]:
        """All of them, oldest first; dead ones until they are forgotten."""

    @abstractmethod
    def forget(self, kernel_id: str) -> None:
        """Drop what is kept of a kernel that is dead."""
