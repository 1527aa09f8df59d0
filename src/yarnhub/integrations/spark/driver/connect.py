"""A Spark Connect server in the driver's JVM, for the kernel's owner.

The kernel's process starts a session by itself, serves it, and ends with it: its container then
ends, too.
"""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any

from . import words
from .place import bind_address, node_name
from .service import Service, ServiceError
from .session import Context, SparkError
from .tls_port import PortError, TlsPort, listen, server_context

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from .session import Sessions

_TOKEN_BYTES = 32
_LOOK_SECONDS = 1.0
_USED_SECONDS = 30.0
"""How often use is reported."""
_REPORT_PAUSE = 5.0
_REPORT_SECONDS = 600.0
"""For the service to take the address: it may be being restarted."""
_TOKEN = "spark.connect.authenticate.token"  # noqa: S105  # a property's name
_LOOPBACK = {
    "spark.connect.grpc.binding.address": "127.0.0.1",
    "spark.connect.grpc.binding.port": "0",
}


class ConnectServer:
    """The server of a kernel.

    Args:
        sessions: The kernel's sessions.
        service: The launcher.
        environment: The kernel's variables.
        folder: The container's folder.
        idle: Publishes that the kernel is idle, as it does after a cell.
    """

    def __init__(
        self,
        sessions: Sessions,
        service: Service,
        environment: Mapping[str, str],
        folder: Path,
        idle: Callable[[], None],
    ) -> None:
        self._sessions = sessions
        self._service = service
        self._environment = environment
        self._folder = folder
        self._idle = idle

    def start(self) -> None:
        """Start it in a thread, which ends the process when the server has ended."""
        threading.Thread(target=self._run, name="spark-connect", daemon=True).start()

    def _run(self) -> None:
        reason, code = words.CONNECT_FAILED, 1
        try:
            reason = self._serve()
            code = int(reason != words.CONNECT_IDLE)
        except (SparkError, PortError, ServiceError, OSError) as error:
            reason = str(error)
        finally:  # whatever it was, no process is left that serves nobody
            if sys.exc_info()[0] is not None:
                traceback.print_exc(file=sys.__stderr__)
            self._end(reason, code)

    def _end(self, reason: str, code: int) -> None:
        print(reason, file=sys.__stderr__, flush=True)  # the container's log
        with contextlib.suppress(ServiceError):
            self._service.connect_ended(reason)
        self._sessions.close()
        with contextlib.suppress(ServiceError):  # of a JVM that was killed
            self._service.end_spark()
        os._exit(code)

    def _serve(self) -> str:
        """Serve until the session has ended; returns why it has.

        Raises:
            SparkError: It cannot be started.
            PortError: There is no port for it.
            ServiceError: The holder does not take its address.
        """
        context = self._sessions.create().sparkContext
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        target = _start_service(context, token)
        host = node_name(self._environment)
        with listen(bind_address(host), self._sessions.settings.connect) as listening:
            pair = self._report(listening.getsockname()[1], token)
            port = TlsPort(listening, server_context(pair, self._folder), target)
            try:
                self._idle()
                if self._look(context):
                    return words.CONNECT_IDLE
            finally:
                port.close()
        return self._sessions.report_death(str) or words.CONNECT_STOPPED

    def _report(self, port: int, token: str) -> bytes:
        """Have the holder keep the address; returns the certificate and its key."""
        until = time.monotonic() + _REPORT_SECONDS
        while True:
            try:
                return self._service.connect(port, token)
            except ServiceError:
                if self._sessions.context is None or time.monotonic() > until:
                    raise
            time.sleep(_REPORT_PAUSE)

    def _look(self, context: Context) -> bool:
        """Report use for as long as the session lives; returns at its end, or if it is not used.

        Returns:
            Whether it has not been used for too long.
        """
        idle = float(self._sessions.settings.connect_idle or math.inf)
        seen, used, looked = 0, time.monotonic(), time.monotonic()
        while self._sessions.context is context:
            time.sleep(min(_LOOK_SECONDS, idle))
            if time.monotonic() < looked + min(_USED_SECONDS, idle / 2):
                continue
            looked = time.monotonic()
            last = _last_used(context)
            if last != seen:
                seen, used = last, looked
                if self._service.exists:
                    with contextlib.suppress(ServiceError):  # the next one succeeds
                        self._service.busy()
            elif looked > used + idle:
                return True
        return False


def _start_service(context: Context, token: str) -> int:
    """Start Spark's own server; returns its port on loopback.

    The token is set when the session has started: so it is in no file of the application, no event
    and no page. Jobs are looked at elsewhere, see `cells.Cells`.

    Raises:
        SparkError: This Spark has none, or it does not start.
    """
    from py4j.protocol import Py4JError

    try:
        server = _server(context)
        configuration = context._jsc.sc().conf()  # noqa: SLF001  # not a copy
        for name, value in {**_LOOPBACK, _TOKEN: token}.items():
            configuration.set(name, value)
        if not _reads_token(context, token):
            raise SparkError(words.no_connect(context.version, words.OPEN_CONNECT))
        server.start(context._jsc.sc())  # noqa: SLF001
        return int(server.localPort())
    except (Py4JError, TypeError) as error:  # a class that does not exist is a package to py4j
        raise SparkError(words.no_connect(context.version, str(error)[:500])) from error


def _server(context: Context) -> Any:  # py4j's
    package = context._jvm.org.apache.spark.sql.connect.service  # noqa: SLF001
    return getattr(getattr(package, "SparkConnectService$"), "MODULE$")


def _reads_token(context: Context, token: str) -> bool:
    """Whether Spark asks clients for it: those before 4.0 serve anybody, at all addresses.

    Raises:
        Py4JError: This Spark has no such setting.
    """
    package = context._jvm.org.apache.spark.sql.connect.config  # noqa: SLF001
    read = getattr(getattr(package, "Connect$"), "MODULE$").getAuthenticateToken()
    return bool(read.contains(token))


def _last_used(context: Context) -> int:
    """When a client last used a session, in ms; changes all the time while operations run.

    The connections of clients do not count: those of gRPC are kept open, with pings.
    """
    from py4j.protocol import Py4JError

    try:
        server = _server(context)
        jobs = context.statusTracker().getActiveJobsIds()
        if jobs or server.listActiveExecutions().isRight():
            return time.monotonic_ns()
        found = server.sessionManager().listActiveSessions()
        times = [found.apply(each).lastAccessTimeMs() for each in range(found.size())]
        return max(times, default=0)
    except (Py4JError, OSError):  # it ends
        return 0
