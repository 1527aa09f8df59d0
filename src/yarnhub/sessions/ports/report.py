"""Requests of a container's program to the hub: where to listen, and the report of the port.

`GET` returns the addresses. `POST` reports `{"port": 12345}`, or `{"error": "..."}` if the program
cannot listen. The program's own token identifies it.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

from yarnhub.base.errors import ConfigurationError, YarnhubError
from yarnhub.sessions.ports.held import ListenOptions

if TYPE_CHECKING:
    import ssl

_PATIENCE = 30.0
"""Seconds for a response of the hub."""
_LONG_PATIENCE = 90.0
"""Seconds for what the hub has to ask other services for."""
_LONGEST_ANSWER = 2**20
"""Bytes; of tokens, if there are many."""
_LONGEST_ERROR = 600
"""Characters: escaped, they are less than `LONGEST_REPORT`."""
LONGEST_REPORT = 4096
"""Bytes of a report."""


# --- in the container


class Reporter:
    """Sends the requests of the program in a container.

    All methods raise `ConfigurationError` if the hub does not respond, or refuses.

    Args:
        url: The URL of the hub's handler.
        token: The program's API token.
        tls: The certificates of the program and the hub; None for HTTP.
    """

    def __init__(self, url: str, token: str, tls: ssl.SSLContext | None = None) -> None:
        self._url = url
        self._token = token
        self._tls = tls

    def where_to_listen(self) -> ListenOptions:
        """The addresses and ports for the program on this node."""
        said: Any = self._ask("did not return where to listen")
        try:
            return ListenOptions(**{**said, "addresses": tuple(said["addresses"])})
        except (TypeError, LookupError) as error:
            raise ConfigurationError(
                "the hub did not return where to listen: it may have a different version of yarnhub"
            ) from error

    def report_port(self, port: int) -> None:
        """Report the port to the hub."""
        self._ask("refused the port", {"port": port})

    def report_error(self, error: str) -> None:
        """Report to the hub why the program cannot listen on a port."""
        self._ask("refused the error", {"error": error[:_LONGEST_ERROR]})

    def pass_on(self, request: bytes) -> bytes:
        """The hub's answer to a request of a kernel; see `kernels.protocol.Request`."""
        return self._send(f"{self._url}/requests", "refused the request", request, _LONG_PATIENCE)

    def _ask(self, refused: str, body: object = None) -> object:
        """The response of the hub: a document, or None."""
        data = None if body is None else json.dumps(body).encode()
        said = self._send(self._url, refused, data, _PATIENCE)
        try:
            return json.loads(said) if said else None
        except ValueError as error:
            raise ConfigurationError(f"the response of {self._url} is not JSON: {error}") from error

    def _send(self, url: str, refused: str, data: bytes | None, patience: float) -> bytes:
        request = urllib.request.Request(  # noqa: S310  # the hub's own address
            url,
            data=data,
            headers={
                "Authorization": f"token {self._token}",
                "Content-Type": "application/json",
            },
        )
        try:
            with self._opener().open(request, timeout=patience) as answer:
                said: bytes = answer.read(_LONGEST_ANSWER)
                return said
        except urllib.error.HTTPError as error:
            why = error.read(1000).decode(errors="replace")
            raise ConfigurationError(f"the hub at {url} {refused}: {why}") from error
        except OSError as error:
            raise ConfigurationError(f"the hub at {url} cannot be reached: {error}") from error

    def _opener(self) -> urllib.request.OpenerDirector:
        """An opener for the hub only: no proxy and no other host gets the token."""
        straight = urllib.request.ProxyHandler({})
        tls = urllib.request.HTTPSHandler(context=self._tls)
        return urllib.request.build_opener(straight, _NoRedirect, tls)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follow no redirects: the new URL would get the token."""


# --- in the hub


class ReportError(YarnhubError):
    """The body is not a report."""


def read_report(body: bytes) -> int | str:
    """The port in a report, or the error.

    Raises:
        ReportError: It contains neither, or more than that.
    """
    try:
        document: Any = json.loads(body)  # Any: not checked yet
    except (ValueError, RecursionError):
        raise ReportError("the body is not a JSON document") from None
    if not isinstance(document, dict) or set(document) not in ({"port"}, {"error"}):
        raise ReportError('the body must be {"port": N} or {"error": "..."}, nothing else')
    if "error" in document:
        error = document["error"]
        if not isinstance(error, str) or not error:
            raise ReportError("the error must be a string")
        return error
    port = document["port"]
    if not isinstance(port, int) or isinstance(port, bool) or not 0 < port < 2**16:
        raise ReportError("the port must be a number from 1 to 65535")
    return port
