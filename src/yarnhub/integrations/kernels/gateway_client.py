"""Requests to the kernel service `yarnhub gateway`, each with a deadline.

The service is restarted now and then, and a proxy may be in front of it: a refused connection and
the status 503 mean that nothing was done, and such requests are repeated within their deadline.
"""

from __future__ import annotations

import asyncio
import json as plain_json
import logging
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from yarnhub.base.closing import Closing
from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import (
    AuthenticationError,
    CallOutcome,
    ConnectError,
    ConnectionLostError,
    DeadlineExceededError,
    RemoteProtocolError,
    YarnhubError,
)
from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.base.retry import RetryPolicy
from yarnhub.kernels import protocol, service_protocol
from yarnhub.kernels.service_protocol import (
    ConnectModel,
    KernelModel,
    KernelNotFoundError,
    load_error,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.integrations.kernels.gateway_settings import GatewaySettings
    from yarnhub.kernels.request import KernelRequest

_log = logging.getLogger(__name__)

RETRIES = RetryPolicy(first_delay=0.2, max_delay=5.0)
MAX_ANSWER = 64 * 1024 * 1024
"""Bytes: what a kernel published while nobody listened, and some room."""
_START = 120.0
"""Seconds, like all of these. YARN may be slow, and the service may be restarted meanwhile."""
_STOP = 120.0
_ORDER = 30.0
_HISTORY = 60.0
_SHORT = 20.0
_LATE = 30.0
"""Seconds that an answer may take longer than the service was asked to wait."""


class ServiceUnavailableError(YarnhubError):
    """The kernel service is not ready: it is being started, or stopped."""

    retriable = True


class GatewayClient(Closing):
    """Requests to the kernel service.

    Raises:
        ConfigurationError: The settings are not valid.
    """

    def __init__(self, settings: GatewaySettings, retries: RetryPolicy = RETRIES) -> None:
        self._settings = settings
        self._retries = retries
        self._http = httpx.AsyncClient(verify=settings.tls(), trust_env=False)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def kernels(self, tag: str, wait: float) -> tuple[list[KernelModel] | None, str]:
        """All kernels of the user, and their tag; is not repeated.

        Args:
            tag: Of the last answer; empty for none.
            wait: Seconds to wait until something has changed. The kernels are None if nothing has.

        Raises:
            YarnhubError: They are not known.
        """
        headers = {"If-None-Match": tag, "Prefer": f"wait={wait:g}"} if tag else {}
        found = await self._once("GET", "kernels", seconds=wait + _LATE, headers=headers)
        if found.status == 304:
            return None, tag
        return service_protocol.load_kernels(found.body), found.tag

    async def start(self, request: KernelRequest) -> KernelModel:
        """Start a kernel; also if it has been started with this id.

        Raises:
            SpecError: The request is not valid.
            ApplicationFailedError: YARN refused it.
            KernelNotFoundError: There is no such kernelspec.
            YarnhubError: Anything else. The kernel may have been started.
        """
        body = service_protocol.dump_start(request)
        path = f"kernels/{request.id}"
        return service_protocol.load_kernel(await self._ask("PUT", path, body, seconds=_START))

    async def signal(self, kernel_id: str, number: int) -> None:
        """Send a signal to a kernel."""
        await self._order(kernel_id, "signal", {"signal": number})

    async def restart(self, kernel_id: str) -> int:
        """Restart a kernel; returns the generation of the new process."""
        answer = await self._order(kernel_id, "restart", {})
        try:
            return int(plain_json.loads(answer)["generation"])
        except (ValueError, TypeError, KeyError) as error:
            raise RemoteProtocolError("the service returns no generation") from error

    async def stop(self, kernel_id: str, *, now: bool) -> KernelModel:
        """Stop a kernel, also one whose start is in progress; returns when it is dead."""
        body = plain_json.dumps({"now": now}).encode()
        found = await self._ask("POST", f"kernels/{kernel_id}/stop", body, seconds=_STOP)
        return service_protocol.load_kernel(found)

    async def history(self, kernel_id: str) -> list[list[bytes]]:
        """The messages that a kernel published while nobody listened; then forgotten."""
        path = f"kernels/{kernel_id}/history"
        found = await self._ask("POST", path, b"{}", seconds=_HISTORY, repeatable=False)
        return protocol.unpack_messages(found)

    async def write_note(self, kernel_id: str, note: str) -> None:
        """Keep a text with a kernel."""
        body = plain_json.dumps({"note": note}).encode()
        await self._ask("POST", f"kernels/{kernel_id}/note", body, seconds=_ORDER)

    async def forget(self, kernel_id: str) -> None:
        """Have the service cancel a start, or remove what it keeps of a dead kernel."""
        try:
            await self._ask("DELETE", f"kernels/{kernel_id}", seconds=_SHORT)
        except KernelNotFoundError:
            return

    async def kernelspecs(self, tag: str) -> tuple[bytes | None, str]:
        """The kernelspecs, and their tag; None if they are those of the given tag."""
        headers = {"If-None-Match": tag} if tag else {}
        found = await self._once("GET", "kernelspecs", seconds=_SHORT, headers=headers)
        return (None, tag) if found.status == 304 else (found.body, found.tag)

    async def resource(self, name: str, file: str) -> bytes:
        """A file of a kernelspec, such as its logo."""
        return await self._ask("GET", f"kernelspecs/{name}/{file}", seconds=_SHORT)

    # --- Spark Connect

    async def start_connect(self, name: str = "") -> ConnectModel:
        """Start the user's Spark Connect server; or the one that runs.

        Args:
            name: The kernelspec's; empty for the service's choice.

        Raises:
            KernelNotFoundError: There is no such kernelspec.
            YarnhubError: Anything else. The server may have been started.
        """
        body = plain_json.dumps({"kernelspec": name} if name else {}).encode()
        found = await self._ask("POST", "spark-connect", body, seconds=_START)
        return service_protocol.load_connect(found)

    async def connect_server(self) -> ConnectModel:
        """The user's Spark Connect server.

        Raises:
            KernelNotFoundError: There is none.
        """
        found = await self._ask("GET", "spark-connect", seconds=_SHORT)
        return service_protocol.load_connect(found)

    async def stop_connect(self) -> None:
        """Stop the user's Spark Connect server; returns when it is gone.

        Raises:
            KernelNotFoundError: There is none.
        """
        await self._ask("DELETE", "spark-connect", seconds=_STOP)

    # --- how

    async def _order(self, kernel_id: str, action: str, body: Mapping[str, object]) -> bytes:
        sent = plain_json.dumps(body).encode()
        path = f"kernels/{kernel_id}/{action}"
        return await self._ask("POST", path, sent, seconds=_ORDER, repeatable=False)

    async def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        seconds: float,
        repeatable: bool = True,
    ) -> bytes:
        """A request that is repeated while the service is not available.

        Args:
            method: The method.
            path: Below the root of all.
            body: JSON.
            seconds: For all attempts together.
            repeatable: Whether it may also be repeated if the service may have carried it out.
        """
        last: YarnhubError | None = None

        def late() -> YarnhubError:
            if last is None:
                return self._silent()
            return DeadlineExceededError(f"{last} (for {seconds:g} s)")

        attempt = 0
        async with Deadline(seconds, late):
            while True:
                try:
                    return (await self._once(method, path, body, seconds=None)).body
                except (ConnectError, ConnectionLostError, ServiceUnavailableError) as error:
                    if not (error.retriable or repeatable):
                        raise
                    last = error
                    _log.debug("retrying %s %s: %s", method, path, error)
                await asyncio.sleep(self._retries.delay(attempt, random.random()))  # noqa: S311
                attempt += 1

    async def _once(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        seconds: float | None,
        headers: Mapping[str, str] | None = None,
    ) -> _Answer:
        url = f"{self._settings.root}/{path}"
        sent = {**await self._settings.proof(), **(headers or {})}
        timeout = httpx.Timeout(None, connect=_SHORT)
        try:
            async with (
                Deadline(seconds, self._silent),
                self._http.stream(
                    method, url, content=body, headers=sent, timeout=timeout
                ) as response,
            ):
                found = _Answer(
                    status=response.status_code,
                    tag=response.headers.get("ETag", ""),
                    body=await _body(response),
                )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise ConnectError(f"{self._where} is not reachable: {_why(error)}") from error
        except httpx.HTTPError as error:
            text = f"the connection to {self._where} was lost: {_why(error)}"
            raise ConnectionLostError(text, CallOutcome.UNKNOWN) from error
        if found.status >= 400:
            raise error_of(found.status, found.body, self._where)
        return found

    def _silent(self) -> YarnhubError:
        return DeadlineExceededError(f"{self._where} does not respond")

    @property
    def _where(self) -> str:
        return f"the kernel service at {self._settings.url}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: int
    tag: str
    body: bytes


def error_of(status: int, body: bytes, where: str) -> YarnhubError:
    """The error of an answer.

    Args:
        status: Its status.
        body: Its body, of the service or of a proxy.
        where: The service, for the message.
    """
    plain = _members(body)
    text = clean_and_cut(str(plain.get("message") or ""), lines=False)
    message = f"{where} responds with status {status}{': ' if text else ''}{text}"
    if "error" in plain:
        return load_error(plain["error"], message)
    match status:
        case 401 | 403:
            return AuthenticationError(message)
        case 404:
            # A proxy without a service behind it also answers so, and not in our JSON.
            return KernelNotFoundError(message) if plain else ServiceUnavailableError(message)
        case 429 | 503:
            return ServiceUnavailableError(message)
        case 502 | 504:
            return ConnectionLostError(message, CallOutcome.UNKNOWN)
        case _:
            return load_error(None, message)


def _members(body: bytes) -> dict[str, Any]:  # Any: JSON
    try:
        plain = plain_json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return plain if isinstance(plain, dict) else {}


async def _body(response: httpx.Response) -> bytes:
    parts = []
    size = 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > MAX_ANSWER:
            raise RemoteProtocolError(f"the answer has more than {MAX_ANSWER} bytes")
        parts.append(part)
    return b"".join(parts)


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__
