"""Requests to the launcher of the kernel, which has the connection to the service outside."""

from __future__ import annotations

import contextlib
import json
import socket
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, BinaryIO

from . import words
from .room import Room

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

GENERATION = "YARNHUB_GENERATION"
"""The environment variable that counts the kernel's processes, from 1."""
VARIABLE = "YARNHUB_REQUESTS"
"""The environment variable with the path of the launcher's socket."""
_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 90.0
"""Applications and tokens are requested over the network, where a failover may take a minute."""
_SHORT_SECONDS = 15.0
"""For an answer that a cell does not depend on."""
_MAX_LINE = 64 * 1024
_MAX_REASON = 2000
"""Characters of why something waits or has ended."""
_MAX_CONTENT = 1 << 20
"""Bytes that follow an answer's line, such as a token file. A token has a kilobyte or less."""


class ServiceError(Exception):
    """The launcher has refused a request, or has not answered; the message says why."""


class Service:
    """The launcher, as the kernel's process sees it.

    Args:
        environment: The kernel's.
        part: A part of the tag of this process's applications, if other processes have the same
            launcher.

    Attributes:
        path: The path of its socket; empty for none.
    """

    def __init__(self, environment: Mapping[str, str], part: str = "") -> None:
        self.path = environment.get(VARIABLE, "")
        self._part = {"part": part} if part else {}
        self._generation = int(environment.get(GENERATION, "1"))

    @property
    def exists(self) -> bool:
        """Whether the process has a launcher."""
        return bool(self.path) and Path(self.path).is_socket()

    @property
    def is_missing(self) -> bool:
        """Whether the process was started by a launcher whose socket is gone."""
        return bool(self.path) and not self.exists

    def tokens(self) -> bytes:
        """New tokens for Spark, as a token file; empty on a cluster without security.

        Raises:
            ServiceError: The launcher has not answered, or could not get any.
        """
        content, _ = self.session()
        return content

    def session(self) -> tuple[bytes, Room]:
        """What a session starts with: `tokens`, and how much its executors may hold.

        Raises:
            ServiceError: The launcher has not answered, or could not get any tokens.
        """
        answer, content = self._content("tokens")
        return content, Room.read(answer.get("room"))

    def connect(self, port: int, token: str) -> bytes:
        """Report where the Spark Connect server of this process listens.

        Args:
            port: On the node, with TLS.
            token: What clients have to send.

        Returns:
            The certificate for it and its key, in PEM.

        Raises:
            ServiceError: The launcher has not answered, or the holder has refused it.
        """
        return self._content("connect", connect=self._report(port=port, token=token))[1]

    def connect_ended(self, reason: str) -> None:
        """Report that the Spark Connect server of this process has ended, and why.

        Raises:
            ServiceError: The launcher has not answered, or the holder has refused it.
        """
        with self._answer("connect", {"connect": self._report(error=reason[:_MAX_REASON])}):
            pass

    def end_spark(self) -> list[str]:
        """Kill what still runs of the kernel's Spark applications; returns their ids.

        Raises:
            ServiceError: The launcher has not answered, or could not do it.
        """
        with self._answer("end-applications") as (answer, _):
            ended = answer.get("ended")
        return [str(each) for each in ended] if isinstance(ended, list) else []

    def busy(self) -> None:
        """Report that jobs run although no cell does, so that the kernel is not culled.

        For a process that shares its launcher, nobody would make use of it.

        Raises:
            ServiceError: The launcher has not answered.
        """
        if not self._part:
            with self._answer("busy"):
                pass

    def why_waiting(self, application: str, *, memory: int, vcores: int) -> str:
        """Why an application of the kernel gets no containers; empty if that is unknown.

        Args:
            application: Its id.
            memory: Of such a container, in MiB.
            vcores: Of such a container.

        Raises:
            ServiceError: The launcher has not answered in time.
        """
        details = {"application": application, "memory": memory, "vcores": vcores}
        with self._answer("why-waiting", details, _SHORT_SECONDS) as (answer, _):
            return str(answer.get("reason") or "")[:_MAX_REASON]

    def _report(self, **report: object) -> dict[str, object]:
        return {**report, "generation": self._generation}

    def _content(self, ask: str, **details: object) -> tuple[dict[str, object], bytes]:
        """An answer, and the bytes that follow its line."""
        with self._answer(ask, details) as (answer, file):
            size = answer.get("size")
            if not isinstance(size, int) or not 0 <= size <= _MAX_CONTENT:
                raise ServiceError(words.service_failed(ask, f"size {size!r}"))
            content = file.read(size)
        if len(content) != size:
            raise ServiceError(words.service_failed(ask, "the answer is incomplete"))
        return answer, content

    @contextlib.contextmanager
    def _answer(
        self,
        ask: str,
        details: Mapping[str, object] = MappingProxyType({}),
        seconds: float = _ANSWER_SECONDS,
    ) -> Iterator[tuple[dict[str, object], BinaryIO]]:
        """Send a request; gives the answer's line, and the file that it comes from."""
        try:
            with self._connection() as connection, connection.makefile("rb") as file:
                request = {"ask": ask, **self._part, **details}
                connection.sendall(json.dumps(request).encode() + b"\n")
                connection.settimeout(seconds)
                received = file.readline(_MAX_LINE)
                if not received:  # for example, the service outside is being restarted
                    raise ServiceError(words.service_failed(ask, words.NO_ANSWER))
                answer = json.loads(received)
                if not isinstance(answer, dict):
                    raise ServiceError(words.service_failed(ask, f"{answer!r:.100}"))
                if error := answer.get("error"):
                    raise ServiceError(words.service_failed(ask, str(error)[:1000]))
                yield answer, file
        except (OSError, ValueError) as error:
            raise ServiceError(words.service_failed(ask, str(error) or repr(error))) from error

    @contextlib.contextmanager
    def _connection(self) -> Iterator[socket.socket]:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_CONNECT_SECONDS)
            connection.connect(self.path)
            yield connection
