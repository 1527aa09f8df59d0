"""What Scala code prints in the driver's JVM, as output of a cell, as it comes.

The JVM writes into named pipes in a folder that only its user can enter: no port, no secret.
"""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import logging
import os
import select
import threading
import time
from typing import TYPE_CHECKING, Any

from . import words

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

log = logging.getLogger(__name__)

# IPython's objects have no types that hold here.
Publisher = Any

STREAMS = ("stdout", "stderr")
MAX_CHARACTERS = 1 << 20
"""Of one cell. A notebook with more takes minutes to open."""
_PIPE_BYTES = 1 << 20
"""What a pipe holds, at most."""
_PAUSE_SECONDS = 0.05
"""Between messages, so that a loop that prints does not send one for every line."""


class Output:
    """The output of the cell that ran Scala last; also of threads that it has left.

    Args:
        folder: Where the pipes are created, with the names in `STREAMS`.
        publisher: IPython's, of displays.
    """

    def __init__(self, folder: Path, publisher: Publisher) -> None:
        """Create the pipes, and read them until `close`.

        Raises:
            OSError: A pipe cannot be created.
            RuntimeError: The thread that reads cannot be started.
        """
        self.paths = {name: folder / name for name in STREAMS}
        self._publisher = publisher
        self._lock = threading.Lock()
        self._closed = False
        self._parent: Mapping[str, Any] = {}
        self._left = MAX_CHARACTERS
        self._pipes: dict[int, str] = {}
        decoder = codecs.getincrementaldecoder("utf-8")
        self._decoders = {name: decoder(errors="replace") for name in STREAMS}
        self._wake, self._waker = os.pipe()
        try:
            for name, path in self.paths.items():
                self._pipes[_open_pipe(path)] = name
            threading.Thread(target=self._read, name="scala-output", daemon=True).start()
        except BaseException:
            self._close_files()
            raise

    def begin(self) -> None:
        """Have what is printed from now on belong to the cell that runs."""
        self.drain()
        with self._lock:
            self._parent = dict(self._publisher.parent_header)
            self._left = MAX_CHARACTERS

    def drain(self) -> None:
        """Send what has been written so far: a message for each stream that has some."""
        with self._lock:
            for pipe, name in self._pipes.items():
                self._send(name, self._decoders[name].decode(_received(pipe)))

    def write(self, text: str) -> None:
        """Send a text as standard output, after what has been written so far."""
        self.drain()
        with self._lock:
            self._send("stdout", text)

    def close(self) -> None:
        """Send what has been written so far, and read no more."""
        try:
            self.drain()
        finally:
            with self._lock:
                if not self._closed:
                    self._closed = True
                    os.write(self._waker, b".")

    def _read(self) -> None:
        poll = select.poll()
        for each in (*self._pipes, self._wake):
            poll.register(each, select.POLLIN)
        while not self._closed:
            poll.poll()
            try:
                self.drain()
            except Exception:  # without a reader, the JVM's threads would wait for ever
                log.warning("output of Scala is lost", exc_info=True)
            time.sleep(_PAUSE_SECONDS)
        with self._lock:
            self._close_files()

    def _close_files(self) -> None:
        files = [*self._pipes, self._wake, self._waker]
        self._pipes = {}
        for each in files:
            os.close(each)

    def _send(self, name: str, text: str) -> None:
        """Send a text; of one that is too long only the beginning, and what is missing."""
        if not text or self._left <= 0:
            return
        shown = text[: self._left]
        self._left -= len(text)
        self._publish(name, shown)
        if self._left <= 0:
            self._publish("stderr", words.output_cut(MAX_CHARACTERS))

    def _publish(self, name: str, text: str) -> None:
        # Python's own streams take the cell from the current thread.
        self._publisher.session.send(
            self._publisher.pub_socket,
            "stream",
            {"name": name, "text": text},
            parent=self._parent,
            ident=f"stream.{name}".encode(),
        )


def _open_pipe(path: Path) -> int:
    """Create a named pipe, and open it so that it has an end for neither side."""
    path.unlink(missing_ok=True)  # of a start that has failed
    os.mkfifo(path, 0o600)
    pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    with contextlib.suppress(OSError):  # the user may have too many pipes for that
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return pipe


def _received(pipe: int) -> bytes:
    """All that is in a pipe, and nothing that comes meanwhile."""
    try:
        return os.read(pipe, _PIPE_BYTES)
    except BlockingIOError:
        return b""
