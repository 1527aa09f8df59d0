"""Answers what the process of a kernel asks of its holder."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import DeadlineExceededError, RemoteProtocolError, YarnhubError
from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.client.tokens.submission import SubmissionTokens
from yarnhub.hadoop.wire.tokens import TokenStorage
from yarnhub.kernels.protocol import (
    MAX_REQUESTS,
    TOO_MANY,
    Answer,
    Ask,
    Request,
    Room,
    line,
    read_request,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from yarnhub.client.access.settings import Settings
    from yarnhub.kernels.companions import Companions
    from yarnhub.kernels.protocol import ConnectReport
    from yarnhub.kernels.why_waiting import WhyWaiting

_log = logging.getLogger(__name__)

_TOKENS = 30.0
"""Seconds for a NameNode, the ResourceManager and key servers to issue tokens."""
_MAX_TOKENS = 200
"""Token files for one kernel in an hour: NameNodes and the ResourceManager keep tokens for days."""
_PART = re.compile(r"[0-9a-z]{0,32}")
_PAUSE = 2.0
"""Seconds from one answer to the next one of its kind: each is work for YARN."""
_TURN = 40.0
"""Seconds that a request waits for those of its kind before it. The process gives up after 90: what
it no longer waits for must not be done, since applications of its next session would be ended."""


_WORDS = "earlier requests of this kernel have taken too long; try again"


class _TurnError(DeadlineExceededError):
    """A request has waited too long for those before it, or there are too many of them."""


class _Turn:
    """The requests of one kind, one after the other, at most `MAX_REQUESTS` of them at once."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = asyncio.Lock()
        self._next = 0.0
        self._open = 0

    @contextlib.asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Wait for it, for a block.

        Raises:
            _TurnError: Those before take too long, or are too many.
        """
        if self._open >= MAX_REQUESTS:
            raise _TurnError(TOO_MANY)
        self._open += 1
        try:
            async with Deadline(_TURN, _TurnError(_WORDS)):
                await self._lock.acquire()
            try:
                await asyncio.sleep(max(0.0, self._next - self._clock()))
                yield
            finally:
                self._next = self._clock() + _PAUSE
                self._lock.release()
        finally:
            self._open -= 1


class Requests:
    """The requests of one kernel, those of a kind one after the other.

    Each is for the kernel's own user. None of a kind keeps those of another kind waiting.

    Args:
        kernel_id: The kernel.
        user: The cluster's name of its user.
        settings: The cluster's configuration, and the login that acts for the users.
        companions: Ends the applications of kernels.
        waiting: Finds out what they wait for.
        clock: Seconds, monotonic.
        file_systems: URLs of file systems that its applications need, besides `fs.defaultFS`.
        room: How much its user may hold besides, without waiting for YARN; None without limits.
            Raises `YarnhubError` if that is not known.
    """

    def __init__(
        self,
        kernel_id: str,
        user: str,
        *,
        settings: Settings,
        companions: Companions,
        waiting: WhyWaiting,
        clock: Callable[[], float],
        file_systems: Sequence[str] = (),
        room: Callable[[], Awaitable[Room | None]] | None = None,
    ) -> None:
        self._kernel_id = kernel_id
        self._user = user
        self._settings = settings
        self._companions = companions
        self._waiting = waiting
        self._clock = clock
        self._file_systems = file_systems
        self._room = room
        self._turns = {ask: _Turn(clock) for ask in (None, *Ask)}
        self._issued: deque[float] = deque(maxlen=_MAX_TOKENS)

    async def answer(
        self,
        received: bytes,
        used: Callable[[], None],
        connect: Callable[[ConnectReport], Awaitable[bytes]] | None = None,
    ) -> bytes:
        """The answer to a line; errors are answers, too.

        Cancelling leaves what was asked for undone, or partly done.

        Args:
            received: The line.
            used: Called if the kernel is in use.
            connect: Keeps what a Spark Connect server reports, and returns the bytes of the answer;
                None if the kernel is not one.
        """
        request, problem = _read(received)
        try:
            async with self._turns[request.ask if request else None].taken():
                if request is None:
                    return line(Answer(error=problem))
                match request.ask:
                    case Ask.BUSY:
                        used()
                        return line(Answer())
                    case Ask.CONNECT:
                        return await self._connect(request, connect)
                    case Ask.END_APPLICATIONS:
                        return await self._end_applications(request)
                    case Ask.WHY_WAITING:
                        return line(Answer(reason=await self._why_waiting(request)))
                    case Ask.TOKENS:
                        return await self._tokens()
        except YarnhubError as error:
            if not isinstance(error, _TurnError | RemoteProtocolError):  # as many as a kernel likes
                _log.warning("kernel %s: a request failed: %s", self._kernel_id, error)
            return line(Answer(error=clean_and_cut(str(error))))

    async def _connect(
        self, request: Request, connect: Callable[[ConnectReport], Awaitable[bytes]] | None
    ) -> bytes:
        if connect is None or request.connect is None:
            raise RemoteProtocolError("this kernel is not a Spark Connect server")
        content = await connect(request.connect)
        return line(Answer(size=len(content))) + content

    async def _end_applications(self, request: Request) -> bytes:
        if not _PART.fullmatch(request.part):
            raise RemoteProtocolError("a part has up to 32 digits and lower-case letters")
        which = f"{self._kernel_id}.{request.part}" if request.part else self._kernel_id
        return line(Answer(ended=await self._companions.end(which, self._user)))

    async def _tokens(self) -> bytes:
        if len(self._issued) == _MAX_TOKENS and self._clock() < self._issued[0] + 3600:
            # It is not logged: a kernel could fill the log.
            words = f"a kernel gets tokens {_MAX_TOKENS} times in an hour at most"
            return line(Answer(error=words))
        self._issued.append(self._clock())
        content = await self._new_tokens()
        return line(Answer(size=len(content), room=await self._new_room())) + content

    async def _new_room(self) -> Room | None:
        try:
            room = await self._room() if self._room is not None else None
            if room is None:
                return None
            return replace(room, step=self._step() * 2**20, viewer=self._settings.user_name)
        except YarnhubError as error:  # what has its tokens already needs new ones nevertheless
            return Room(error=clean_and_cut(str(error)))

    def _step(self) -> int:
        """The MiB that YARN rounds containers up to, if this service has the same configuration."""
        return self._settings.configuration.get_int("yarn.scheduler.minimum-allocation-mb", 1024)

    async def _why_waiting(self, request: Request) -> str:
        """Why an application waits; empty if that is unknown."""
        _, tag = self._companions.tags(self._kernel_id)
        try:
            return await self._waiting.why_none(
                self._user,
                tag,
                request.application,
                memory=request.memory,
                vcores=request.vcores,
            )
        except YarnhubError as error:  # it is asked for again and again
            _log.debug("kernel %s: what it waits for is unknown: %s", self._kernel_id, error)
            return ""

    async def _new_tokens(self) -> bytes:
        """A token file; empty on a cluster without security."""
        settings = self._settings.acting_for(self._user)
        words = f"no delegation tokens for {self._user} within {_TOKENS:g} s"
        async with (
            Deadline(_TOKENS, words),
            SubmissionTokens(settings, self._file_systems) as tokens,
        ):
            await tokens.fetch()
        return TokenStorage(tokens.by_alias).write() if tokens.by_alias else b""


def _read(received: bytes) -> tuple[Request | None, str]:
    """A request, or why it is none."""
    try:
        return read_request(received), ""
    except RemoteProtocolError as error:
        return None, clean_and_cut(str(error))
