"""The start of a session, until its program responds at its port."""

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
"""Seconds between two checks of a session that is starting; they need no request."""
_EXPLAIN = 2.0
"""Seconds between two explanations of why a session waits, and before the first one."""
_ALLOCATED = 10.0
"""Seconds until the node is known of a program that requests where to listen."""


class SessionEndedError(YarnhubError):
    """A session ended before it was ready; `outcome` has the reason."""

    def __init__(self, end: SessionEnd) -> None:
        super().__init__("the session ended before it was ready")
        self.outcome = end.outcome


class ProgramFailedError(YarnhubError):
    """The program in the container has reported why it cannot run."""


class SessionStart:
    """The start of a session, beginning before its submission.

    Args:
        queue: The queue that is shown until a specification is submitted.
        files: The names of files that are shown until then.

    Attributes:
        session: The session; None before it is submitted.
        end: How the session ended; None if it has not.
        over: Whether the start has succeeded, failed or been cancelled.
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

    # --- submission

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
        """Wait until the session's program responds; returns its node and port.

        Cancelling does not stop the session.

        Args:
            check: Connects to a node and a port; raises `ConnectError` if there is no response.

        Raises:
            SessionEndedError: It ended before that.
            ProgramFailedError: Its program cannot run.
        """
        assert self.session is not None
        while True:
            self.end = await self.session.poll()
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
        """End the start; later reports of the program are ignored."""
        self.over = True

    # --- requests and reports of the program

    async def addresses(self) -> list[str]:
        """The addresses at which the hub reaches the session's node; empty if unknown."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(_ALLOCATED):
                while not (node := await self._node()):
                    await asyncio.sleep(_LOOK)
                found = await loop.getaddrinfo(node, 0, type=socket.SOCK_STREAM)
                return list(dict.fromkeys(str(each[4][0]) for each in found))
        return []

    def report_port(self, port: int) -> None:
        """Called when the program has reported its port."""
        if not self.over and not self._port.done():
            self._port.set_result(port)

    def report_error(self, error: str) -> None:
        """Called when the program has reported why it cannot listen."""
        if not self.over:
            self._error = error

    # --- progress

    async def progress(self) -> Progress:
        """The progress, and what the session waits for."""
        if self.session is None:
            return self._last
        snapshot = None
        with contextlib.suppress(YarnhubError):
            snapshot = await self.session.snapshot()
            await self._explain(self.session)
        return replace(self._last, snapshot=snapshot)

    async def last_progress(self, patience: float) -> Progress:
        """The progress, updated; without the session's state if YARN does not respond.

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
        """The progress without a new request."""
        return replace(self._known, port=self._port.result() if self._port.done() else 0)

    async def _node(self) -> str:
        """The host of the container; empty before it is allocated, or if unknown."""
        if self.session is None:
            return ""
        try:
            return (await self.session.snapshot()).node
        except YarnhubError:  # it has just ended, or YARN does not respond at present
            return ""

    async def _explain(self, session: Session) -> None:
        """Update the explanation, which all viewers of the progress share."""
        now = asyncio.get_running_loop().time()
        if self._holder is not None and now >= self._explain_at:
            self._explain_at = now + _EXPLAIN
            explanation = await self._holder.explain(session)
            self._known = replace(self._known, explanation=explanation)
