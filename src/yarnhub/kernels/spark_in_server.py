"""Spark in a user's server, in its container: for its kernels, with the hub's answers.

`c.YarnSpawner.spark` of the hub asks for it. Kernels of all environments run the file that
`PYTHONSTARTUP` names when they start, as IPython does with it by default; none of their packages
and none of the user's files are changed.
"""

from __future__ import annotations

import contextlib
import os
import socketserver
import threading
from typing import TYPE_CHECKING

from yarnhub.base.errors import RemoteProtocolError, YarnhubError
from yarnhub.kernels.launcher_zip import program_modules
from yarnhub.kernels.programs import PROGRAMS
from yarnhub.kernels.protocol import (
    CONTAINER,
    MAX_REQUESTS,
    REQUESTS,
    TOO_MANY,
    Answer,
    Ask,
    line,
    read_request,
)
from yarnhub.kernels.spark import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping
    from pathlib import Path

STARTUP = "PYTHONSTARTUP"
_THEIRS = "YARNHUB_PYTHONSTARTUP"
"""The variable with the user's own startup file, which ours runs."""
_FOLDER = ".spark"
_LONGEST = 1024
"""Bytes of a request."""
_CONNECT = 5.0
"""Seconds for a request to arrive."""
_PLACE = 15.0
"""Seconds that a request waits until fewer of its kind are at the hub. The hub takes up to 72 more,
see `kernels.requests`, and a kernel waits for 90 in all."""
_SCRIPT = f"""\
def _yarnhub(names):
    import os, sys
    shell = names.get("get_ipython", lambda: None)()
    if hasattr(shell, "kernel") and sys.version_info >= (3, 11):
        sys.path.append({{folder!r}})
        from {PROGRAMS[PROGRAM].package}.attached import attach
        attach(shell)
    theirs = os.environ.get("{_THEIRS}")
    if theirs and os.path.isfile(theirs):
        with open(theirs, "rb") as file:
            exec(compile(file.read(), theirs, "exec"), names)
try:
    _yarnhub(globals())
finally:
    del _yarnhub
"""


def prepare(
    variables: MutableMapping[str, str], folder: Path, ask: Callable[[bytes], bytes]
) -> None:
    """Set what kernels of this server need for Spark.

    Args:
        variables: The variables of the server's process, which its kernels inherit.
        folder: The container's folder.
        ask: Passes a request on to the hub; returns the answer. Raises `YarnhubError`.

    Raises:
        OSError: The folder cannot be written.
    """
    own = folder / _FOLDER
    for each in (own, own / PROGRAMS[PROGRAM].package):  # a mode is not for parents
        each.mkdir(mode=0o700, exist_ok=True)
    for name, text in program_modules(PROGRAM):
        (own / name).write_text(text, "utf-8")
    startup = own / "startup.py"
    startup.write_text(_SCRIPT.format(folder=str(own)), "utf-8")
    if theirs := variables.get(STARTUP):
        variables[_THEIRS] = theirs
    variables[STARTUP] = str(startup)
    variables[CONTAINER] = str(folder)
    variables[REQUESTS] = _serve(own, ask)


def _serve(folder: Path, ask: Callable[[bytes], bytes]) -> str:
    """Pass requests of kernels on for as long as this process runs; returns the socket's path."""
    # Several kernels may wait for executors; another one gets its tokens nevertheless.
    places = {ask: threading.BoundedSemaphore(MAX_REQUESTS) for ask in (None, *Ask)}

    class Handler(socketserver.StreamRequestHandler):
        timeout = _CONNECT

        def handle(self) -> None:
            with contextlib.suppress(OSError):  # it has left
                received = self.rfile.readline(_LONGEST)
                self.request.settimeout(None)
                if received:
                    self.wfile.write(self._answer(received))

        def _answer(self, received: bytes) -> bytes:
            place = places[_kind(received)]
            if not place.acquire(timeout=_PLACE):
                return line(Answer(error=TOO_MANY))
            try:
                return ask(received)
            except YarnhubError as error:
                return line(Answer(error=str(error)))
            finally:
                place.release()

    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Nobody waits for it."""

    # The folder's own path is longer than a socket's name may be (107 characters).
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    path = f"/proc/{os.getpid()}/fd/{number}/requests"
    server = Server(path, Handler)
    threading.Thread(target=server.serve_forever, name="requests", daemon=True).start()
    return path


def _kind(received: bytes) -> Ask | None:
    """What a request asks for; None if only the hub can say what is wrong with it."""
    try:
        return read_request(received).ask
    except RemoteProtocolError:
        return None
