"""Interrupts of cells that wait for the JVM."""

from __future__ import annotations

import contextlib
import functools
import logging
import signal
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_RAISED = ("KeyboardInterrupt while sending command", "Exception while sending command")
"""What py4j logs, as nobody's logger, of errors that it raises."""


@contextlib.contextmanager
def interrupts_kept() -> Iterator[None]:
    """Without the handler of PySpark, which cancels the jobs of all threads."""
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT) if main else None
    try:
        yield
    finally:
        if main and handler is not None:
            signal.signal(signal.SIGINT, handler)


@contextlib.contextmanager
def interrupts_deferred() -> Iterator[None]:
    """Have an interrupt wait for the end of the block, so that what is made there can be ended."""
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    came: list[tuple[int, Any]] = []
    signal.signal(signal.SIGINT, lambda number, frame: came.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if came:
            handler(*came[0])


def contain_interrupts() -> None:
    """Have an interrupt close the connection of its own thread only.

    py4j has the JVM close all connections then, and sends the requests of other threads a second
    time: their jobs would run twice. Nor is what it logs for the user: it raises the error, too.

    Source: py4j 0.10.9.9, java_gateway.GatewayClient.send_command.
    """
    from py4j.clientserver import ClientServerConnection

    original = ClientServerConnection.send_command

    @functools.wraps(original)
    def send_command(connection: Any, command: str) -> str:
        try:
            answer: str = original(connection, command)
        except KeyboardInterrupt:
            connection.close(reset=True)
            raise
        return answer

    def told(record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith(_RAISED)

    ClientServerConnection.send_command = send_command
    logging.getLogger().addFilter(told)
