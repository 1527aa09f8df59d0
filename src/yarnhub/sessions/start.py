"""The start of a session, until its program answers at its port."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import replace
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConnectError, YarnhubError
from yarnhub.sessions.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from yarnhub.sessions.holder import Holder
    from yarnhub.sessions.session import Session, SessionEnd
    from yarnhub.spec import ApplicationSpec

_LOOK = 0.25
"""Seconds between two looks at a session that is being started; they cost no request."""
_EXPLAIN = 2.0
"""Seconds between two explanations of why a session waits; the first one is after as many."""
_ALLOCATED = 10.0
"""Seconds for the node of a program that asks where to listen to become known."""


class SessionEndedError(YarnhubError):
    """A session ended before it was ready; `outcome` tells why."""

    def __init__(self, end: SessionEnd) -> None:
        super().__init__("the session ended before it was ready")
        self.outcome = end.outcome


class ProgramFailedError(YarnhubError):
    """The program in the container has reported that it cannot run, and why."""


class SessionStart:
    """One start of a session, from before its submission.

    Args:
        queue: The queue, until what is submitted names one.
        files: Names of the files that the node downloads, until then.

    Attributes:
        session: What has been submitted; None before.
        end: How it ended, if it did.
        over: Whether the start is over, however it ended.
    """

    def __init__(self, *, queue: str, files: list[str]) -> None:
        loop = asyncio.get_running_loop()
        self.session: Session | None = None
        self.end: SessionEnd | None = None
        self.over = False
        self._known = Progress(queue=queue, files=files)
        self._holder: Holder | None = None
        self._port: asyncio.Future[int] = loop.create_future()
        self._error = ""
        self._explain_at = loop.time() + _EXPLAIN

    # --- what starts it

    async def submit(
        self, holder: Holder, spec: ApplicationSpec, secrets: Mapping[str, bytes]
    ) -> Session:
        """Submit the session's application; see `Holder.start`."""
        (service,) = spec.services.values()
        self._known = Progress(queue=spec.queue, files=sorted(service.files))
        self.session = await holder.start(spec, secrets)
        self._known = replace(self._known, application=self.session.id)
        self._holder = holder
        return self.session

    async def ready(self, check: Callable[[str, int], Awaitable[None]]) -> tuple[str, int]:
        """Wait until the session's program answers; returns its node and port.

        Cancelling leaves the session as it is.

        Args:
            check: Asks at a node and a port; raises `ConnectError` while there is no response.

        Raises:
            SessionEndedError: It ended before.
            ProgramFailedError: Its program cannot run.
        """
        assert self.session is not None
        while True:
            self.end = await self.session.end()
            if self._error:
                raise ProgramFailedError(self._error)
            if self.end:
                raise SessionEndedError(self.end)
            node = await self._node()
            if node and self._port.done():
                with contextlib.suppress(ConnectError):
                    await check(node, self._port.result())
                    return node, self._port.result()
            await asyncio.sleep(_LOOK)

    def close(self) -> None:
        """The start is over: what the program reports from now on does not count."""
        self.over = True

    # --- what the program asks and reports

    async def addresses(self) -> list[str]:
        """The addresses at which the hub reaches the session's node; none if it is not known."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(_ALLOCATED):
                while not (node := await self._node()):
                    await asyncio.sleep(_LOOK)
                found = await loop.getaddrinfo(node, 0, type=socket.SOCK_STREAM)
                return list(dict.fromkeys(str(each[4][0]) for each in found))
        return []

    def report_port(self, port: int) -> None:
        """The program has reported its port."""
        if not self.over and not self._port.done():
            self._port.set_result(port)

    def report_error(self, error: str) -> None:
        """The program has reported that it will have no port, and why."""
        if not self.over:
            self._error = error

    # --- how far it is

    async def progress(self) -> Progress:
        """How far it is, and what it waits for."""
        if self.session is None:
            return self._last
        snapshot = None
        with contextlib.suppress(YarnhubError):
            snapshot = await self.session.snapshot()
            await self._explain(self.session)
        return replace(self._last, snapshot=snapshot)

    async def last_progress(self, patience: float) -> Progress:
        """The same, looked up once more; without where it is if YARN does not respond.

        Args:
            patience: Seconds for YARN to respond.
        """
        self._explain_at = 0
        try:
            async with asyncio.timeout(patience):
                return await self.progress()
        except TimeoutError:
            return self._last

    @property
    def _last(self) -> Progress:
        """What is known without asking."""
        return replace(self._known, port=self._port.result() if self._port.done() else 0)

    async def _node(self) -> str:
        """The host of the container; empty while it has none, or if it is not known."""
        if self.session is None:
            return ""
        try:
            return (await self.session.snapshot()).node
        except YarnhubError:  # it has ended just now, or YARN does not respond for the moment
            return ""

    async def _explain(self, session: Session) -> None:
        """Look up again why it waits, for all who look at it."""
        now = asyncio.get_running_loop().time()
        if self._holder is not None and now >= self._explain_at:
            self._explain_at = now + _EXPLAIN
            explanation = await self._holder.explain(session)
            self._known = replace(self._known, explanation=explanation)
