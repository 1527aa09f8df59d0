"""An HTTP server whose connections are bounded, also those of clients without a token."""

from __future__ import annotations

import copy
import logging
from collections import Counter
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop

_REPEAT = 60.0
"""Seconds between two warnings."""
_log = logging.getLogger(__name__)


class BoundedServer(HTTPServer):  # Any: parts of tornado that have no types
    """Closes further connections at once. Websockets do not count: `Websockets` bounds them.

    Args:
        app: The web application.
        most: The most connections.
        each_address: The most connections of one client; None for no limit.
        first_request: Seconds for the headers of a connection's first request.
        settings: tornado's own.
    """

    def initialize(  # type: ignore[override]
        self,
        app: Any,
        *,
        most: int,
        each_address: int | None,
        first_request: float,
        **settings: Any,
    ) -> None:
        """See the class: tornado constructs it so."""
        super().initialize(app, **settings)
        self._most = most
        self._each_address = most if each_address is None else each_address
        self._first_params = copy.copy(self.conn_params)
        self._first_params.header_timeout = first_request
        self._new: set[object] = set()
        self._addresses: dict[object, str] = {}
        """Of the connections, by their streams."""
        self._numbers = Counter[str]()
        self._warned = -_REPEAT

    def handle_stream(self, stream: Any, address: Any) -> None:
        """Serve a connection, unless there are too many."""
        client = str(address[0])
        full = len(self._addresses) >= self._most
        if full or self._numbers[client] >= self._each_address:
            self._warn("all clients" if full else client)
            stream.close()
            return
        self._addresses[stream] = client
        self._numbers[client] += 1
        self._new.add(stream)
        super().handle_stream(stream, address)

    def start_request(self, server_conn: Any, request_conn: Any) -> Any:
        """Read a request of a connection."""
        if server_conn.stream in self._new:
            self._new.discard(server_conn.stream)
            request_conn.params = self._first_params
        return super().start_request(server_conn, request_conn)

    def on_close(self, server_conn: Any) -> None:
        """Count one less."""
        super().on_close(server_conn)
        self._new.discard(server_conn.stream)
        self._numbers -= Counter((self._addresses.pop(server_conn.stream),))

    def _warn(self, whose: str) -> None:
        now = IOLoop.current().time()
        if now - self._warned >= _REPEAT:
            self._warned = now
            _log.warning("connections are refused: there are too many of %s", whose)
