"""The requests of WebHDFS: HTTP to the active NameNode, and the URLs of DataNodes.

Source: the Hadoop documentation, "WebHDFS REST API".
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import (
    AuthenticationError,
    ConnectError,
    ConnectionLostError,
    RemoteProtocolError,
    StandbyError,
    YarnhubError,
)
from yarnhub.filesystem.errors import FileSystemError, translate_java
from yarnhub.hadoop.http import Response, exchange
from yarnhub.hadoop.trust import trust_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from yarnhub.hadoop.trust import TrustSource
    from yarnhub.hadoop.wire.tokens import Token

MAX_RESPONSE = 64 << 20
"""The limit of a JSON response, in bytes: a listing of some 200 000 files."""
_PREFIX = "/webhdfs/v1"


@dataclass(frozen=True, slots=True)
class UserName:
    """An unauthenticated user; `real` is the user who connects for `name`."""

    name: str
    real: str | None = None

    def parameters(self) -> dict[str, str]:
        """The query parameters of the user."""
        if self.real is None:
            return {"user.name": self.name}
        return {"user.name": self.real, "doas": self.name}


@dataclass(frozen=True, slots=True)
class DelegationToken:
    """The user that a NameNode's delegation token was given to."""

    token: Token

    def parameters(self) -> dict[str, str]:
        """The query parameters of the user: the token with its secret."""
        return {"delegation": self.token.to_url()}


class WebHdfsRequests:
    """Sends one user's requests to the NameNodes of an HDFS, of which one is active.

    Args:
        uri: The base of all URLs: `hdfs://...` or `webhdfs://...`.
        web: Base URLs of the NameNodes' HTTP servers.
        identity: The user.
        deadline: Seconds for one response.
        trust: The accepted certificates, for HTTPS.
    """

    def __init__(
        self,
        uri: str,
        web: Sequence[str],
        identity: UserName | DelegationToken,
        deadline: float,
        trust: TrustSource,
    ) -> None:
        self.uri = uri
        self.trust = trust
        self.identity = identity
        """The user from the next request on: a token may be replaced by a newer one."""
        self._web = tuple(web)
        self._active = 0
        self._deadline = deadline

    async def ask(
        self, action: str, verb: str, at: str, operation: str, **parameters: str
    ) -> object:
        """An operation of the NameNode itself, which responds with JSON or nothing."""
        _, body = await self._call_active(action, verb, at, operation, parameters)
        return body

    async def redirect(
        self, action: str, verb: str, at: str, operation: str, **parameters: str
    ) -> str:
        """The DataNode's URL for an operation on content."""
        location, _ = await self._call_active(action, verb, at, operation, parameters)
        if urlsplit(location or "").scheme not in {"http", "https"}:
            raise RemoteProtocolError(
                f"cannot {action} {self.uri}{at}: the NameNode named no DataNode"
            )
        return self._own_path(location or "", at, {**parameters, **self.identity.parameters()})

    @staticmethod
    def _own_path(location: str, at: str, parameters: Mapping[str, str]) -> str:
        """A NameNode's redirect with our own spelling of the path and parameters.

        Java's URI class normalizes its path to NFC, which names another file, and encodes twice:
        `o'brien` would be `o%27brien`.

        Source: org.apache.hadoop.hdfs.server.namenode.web.resources.NamenodeWebHdfsMethods,
        redirectURI.
        """
        parts = urlsplit(location)
        if not parts.path.startswith(_PREFIX):
            return location  # a gateway's own
        own = {key.lower(): quote(value, safe="") for key, value in parameters.items()}
        fields = [each.partition("=") for each in parts.query.split("&")]
        query = "&".join(f"{key}={own.get(key.lower(), value)}" for key, _, value in fields)
        return f"{parts.scheme}://{parts.netloc}{_PREFIX}{quote(at)}?{query}"

    async def _call_active(
        self, action: str, verb: str, at: str, operation: str, parameters: Mapping[str, str]
    ) -> tuple[str | None, object]:
        """Try the NameNodes in turn until one is active, starting with the last active one."""
        failure: YarnhubError | None = None
        for attempt in range(len(self._web)):
            index = (self._active + attempt) % len(self._web)
            query = {"op": operation, **parameters, **self.identity.parameters()}
            pairs = "&".join(f"{key}={quote(value, safe='')}" for key, value in query.items())
            url = f"{self._web[index]}{_PREFIX}{quote(at)}?{pairs}"
            try:
                async with (
                    self.timer(action, at),
                    self.errors(action, at),
                    exchange(verb, url, trust=await trust_for(url, self.trust)) as response,
                ):
                    body = await self.check(response, action, at)
            except (ConnectError, StandbyError) as error:
                failure = failure or error
                continue
            self._active = index
            return response.header("location") or None, body
        raise failure or FileSystemError(action, self.uri + at, "no NameNode is configured")

    async def check(self, response: Response, action: str, at: str) -> object:
        """The response's JSON, None if it has none.

        Raises:
            YarnhubError: The response is an error.
        """
        kind = response.header("content-type")
        if response.status in {200, 201} and "json" not in kind:
            return None
        if response.status in {200, 201, 307}:
            return _parse(await response.read(MAX_RESPONSE))
        text = (await response.read(MAX_RESPONSE)).decode(errors="replace")
        if "json" in kind:
            refusal = field(_parse(text), "RemoteException")
            java_class = str(field(refusal, "javaClassName"))
            message = str(field(refusal, "message"))
            raise translate_java(java_class, message, action=action, path=self.uri + at)
        if response.status == HTTPStatus.UNAUTHORIZED:
            raise AuthenticationError(
                f"cannot {action} {self.uri}{at}: the HTTP server requires Kerberos (SPNEGO), which"
                " is not supported here; use a delegation token"
            )
        reason = f"HTTP status {response.status} {response.reason}"
        raise FileSystemError(action, self.uri + at, reason)

    def until(self) -> float:
        """The time by which the next chunk must have been transferred."""
        return asyncio.get_running_loop().time() + self._deadline

    def timer(self, action: str, at: str) -> Deadline:
        """The deadline of one response."""
        message = f"cannot {action} {self.uri}{at}: no response within {self._deadline:g} s"
        return Deadline(self._deadline, message)

    @asynccontextmanager
    async def errors(self, action: str, at: str) -> AsyncIterator[None]:
        """Add the attempted action to errors, which must not contain a URL: it has the token."""
        what = f"cannot {action} {self.uri}{at}"
        try:
            yield
        except ConnectError as error:
            raise ConnectError(f"{what}: {error}") from error
        except ConnectionLostError as error:
            raise ConnectionLostError(f"{what}: {error}", error.outcome) from error
        except RemoteProtocolError as error:
            raise RemoteProtocolError(f"{what}: {error}") from error


def _parse(text: str | bytes) -> object:
    try:
        # Any: what JSON holds is checked field by field.
        parsed: Any = json.loads(text) if text.strip() else None
    except (ValueError, RecursionError) as error:
        raise RemoteProtocolError("a response of WebHDFS is not JSON") from error
    return parsed


def field(answer: object, name: str) -> object:
    """A field of a JSON response.

    Raises:
        RemoteProtocolError: It is missing.
    """
    if not isinstance(answer, dict) or name not in answer:
        raise RemoteProtocolError(f"a response of WebHDFS has no {name}")
    return answer[name]
