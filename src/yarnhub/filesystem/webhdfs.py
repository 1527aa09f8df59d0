"""HDFS by WebHDFS: HTTP to the NameNode and the DataNodes.

For users that hdfs-native does not support. The NameNode responds to `OPEN` and `CREATE` with the
URL of a DataNode, where the content is read or written.

Source: the Hadoop documentation, "WebHDFS REST API".
"""

from __future__ import annotations

import asyncio
import base64
import functools
import json
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from yarnhub.base.closing import Closing
from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import (
    AuthenticationError,
    CallOutcome,
    ConnectError,
    ConnectionLostError,
    RemoteProtocolError,
    StandbyError,
    YarnhubError,
)
from yarnhub.filesystem.content import chunks_of, counted, file_chunks
from yarnhub.filesystem.errors import FileSystemError, PathNotFoundError, translate_java
from yarnhub.filesystem.partials import Partials, partial_name
from yarnhub.filesystem.paths import hdfs_part, new_hdfs_part
from yarnhub.filesystem.port import FileStatus
from yarnhub.hadoop.http import Response, exchange
from yarnhub.hadoop.trust import system, trust_for

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
    from pathlib import Path

    from yarnhub.hadoop.trust import TrustSource
    from yarnhub.hadoop.wire.tokens import Token

MAX_RESPONSE = 64 << 20
"""The limit of a JSON response, in bytes: a listing of some 200 000 files."""
_PREFIX = "/webhdfs/v1"
_BINARY = (("Content-Type", "application/octet-stream"),)


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


class WebHdfsFileSystem(Closing):
    """One HDFS by WebHDFS.

    Args:
        uri: The base of all URLs: `hdfs://...` or `webhdfs://...`.
        web: Base URLs of the NameNodes' HTTP servers, of which one is active.
        identity: The user.
        deadline: Seconds for one response.
        trust: The accepted certificates, for HTTPS.
    """

    def __init__(
        self,
        uri: str,
        web: Sequence[str],
        identity: UserName | DelegationToken,
        *,
        deadline: float = 60.0,
        trust: TrustSource = system,
    ) -> None:
        self._uri = uri
        self._trust = trust
        self._web = tuple(web)
        self._active = 0
        self.identity = identity
        """The user from the next request on: a token may be replaced by a newer one."""
        self._deadline = deadline
        self._partials = Partials(functools.partial(self.delete, recursive=True))

    @property
    def uri(self) -> str:
        """See `FileSystem.uri`."""
        return self._uri

    async def home(self) -> str:
        """See `FileSystem.home`."""
        answer = await self._ask("find the home directory of", "GET", "/", "GETHOMEDIRECTORY")
        return self.uri + str(_field(answer, "Path"))

    async def status(self, path: str) -> FileStatus | None:
        """See `FileSystem.status`."""
        try:
            return await self._status(hdfs_part(self.uri, path))
        except PathNotFoundError:
            return None

    async def _status(self, at: str, action: str = "look at") -> FileStatus:
        answer = await self._ask(action, "GET", at, "GETFILESTATUS")
        return self._convert(_field(answer, "FileStatus"), at)

    async def list(self, path: str) -> Sequence[FileStatus]:
        """See `FileSystem.list`."""
        at = hdfs_part(self.uri, path)
        answer = await self._ask("list", "GET", at, "LISTSTATUS")
        entries = _field(_field(answer, "FileStatuses"), "FileStatus")
        if not isinstance(entries, list):
            raise RemoteProtocolError(f"the listing of {self.uri}{at} is not a list")
        return sorted(
            (self._convert(entry, at) for entry in entries), key=lambda status: status.path
        )

    async def make_directory(self, path: str, permission: int = 0o700) -> None:
        """See `FileSystem.make_directory`."""
        at = new_hdfs_part("make the directory", self.uri, path)
        await self._ask("make the directory", "PUT", at, "MKDIRS", permission=f"{permission:o}")

    async def upload(
        self,
        local: Path,
        path: str,
        permission: int = 0o600,
        progress: Callable[[int], None] | None = None,
    ) -> FileStatus:
        """See `FileSystem.upload`."""
        return await self._store(path, permission, counted(file_chunks(local), progress))

    async def write(self, path: str, data: bytes, permission: int = 0o600) -> FileStatus:
        """See `FileSystem.write`."""
        return await self._store(path, permission, chunks_of(data))

    async def _store(
        self, path: str, permission: int, chunks: AsyncGenerator[bytes, None]
    ) -> FileStatus:
        at = new_hdfs_part("write", self.uri, path)
        # A folder of its own: a DataNode whose connection was lost continues for a moment, and
        # would create the file again after it was deleted. Without the folder it cannot.
        folder = partial_name(at)
        partial = f"{folder}/content"
        async with aclosing(chunks):
            # Before anything is created: this fails if the local file is missing.
            first = await anext(chunks, b"")
            try:
                await self._ask("write", "PUT", folder, "MKDIRS", permission="755")
                await self._create(at, partial, permission, _after(first, chunks))
                # Without the option, a rename to an existing file is refused.
                await self._ask(
                    "write", "PUT", partial, "RENAME", destination=at, renameoptions="OVERWRITE"
                )
            finally:
                await self._partials.discard(folder)
        return await self._status(at)

    async def _create(
        self, at: str, partial: str, permission: int, chunks: AsyncGenerator[bytes, None]
    ) -> None:
        where = await self._redirect(
            "write", "PUT", partial, "CREATE", permission=f"{permission:o}", createparent="false"
        )
        async with self._timer("write", at) as timer:

            async def body() -> AsyncGenerator[bytes, None]:
                async for chunk in chunks:
                    timer.reschedule(self._until())
                    yield chunk
                timer.reschedule(self._until())

            trust = await trust_for(where, self._trust)
            async with (
                self._errors("write", at),
                exchange("PUT", where, headers=_BINARY, body=body(), trust=trust) as response,
            ):
                await self._check(response, "write", at)

    async def read(
        self, path: str, offset: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """See `FileSystem.read`."""
        at = hdfs_part(self.uri, path)
        # WebHDFS refuses an offset beyond the end, and a length of 0.
        status = await self._status(at, "read")
        if status.is_directory:
            raise FileSystemError("read", status.path, "it is a directory")
        size = max(0, status.length - offset)
        size = size if length is None else min(size, length)
        span = {"offset": str(offset), "length": str(size)}
        where = await self._redirect("read", "GET", at, "OPEN", **(span if size else {}))
        if not size:
            return
        # An exit stack, since the generator may be closed after any chunk.
        async with AsyncExitStack() as stack:
            async with self._timer("read", at), self._errors("read", at):
                trust = await trust_for(where, self._trust)
                response = await stack.enter_async_context(exchange("GET", where, trust=trust))
                await self._check(response, "read", at)
            while size > 0:
                async with self._timer("read", at), self._errors("read", at):
                    chunk = await anext(response.chunks, b"")
                if not chunk:
                    raise ConnectionLostError(
                        f"cannot read {self.uri}{at}: the content ended {size} bytes early",
                        CallOutcome.UNKNOWN,
                    )
                size -= len(chunk)
                yield chunk

    async def move(self, path: str, destination: str) -> None:
        """See `FileSystem.move`."""
        at, to = hdfs_part(self.uri, path), new_hdfs_part("move", self.uri, destination)
        # Without the option, it would be moved into a directory at the destination.
        await self._ask("move", "PUT", at, "RENAME", destination=to, renameoptions="NONE")

    async def rename(self, path: str, destination: str) -> bool:
        """Move a file or directory; False if it does not exist, or the destination does."""
        at, to = hdfs_part(self.uri, path), hdfs_part(self.uri, destination)
        answer = await self._ask("rename", "PUT", at, "RENAME", destination=to)
        return _field(answer, "boolean") is True

    async def set_attribute(self, path: str, name: str, value: bytes) -> None:
        """Set a new extended attribute of a path, such as `user.x`.

        It is stored by the NameNode, which takes milliseconds; a file takes up to half a second. If
        cancelled, it may have been set.

        Raises:
            FileSystemError: It exists, there are too many, or this one is too large
                (`dfs.namenode.fs-limits.max-xattrs-per-inode` and `max-xattr-size`, by default
                32, and 16384 bytes of name and value).
        """
        at = hdfs_part(self.uri, path)
        encoded = "0s" + base64.b64encode(value).decode()  # XAttrCodec
        attribute = {"xattr.name": name, "xattr.value": encoded, "flag": "CREATE"}
        await self._ask("set an attribute of", "PUT", at, "SETXATTR", **attribute)

    async def attributes(self, path: str) -> dict[str, bytes]:
        """All extended attributes of a path, by name."""
        at = hdfs_part(self.uri, path)
        answer = await self._ask("read", "GET", at, "GETXATTRS", encoding="base64")
        entries = _field(answer, "XAttrs")
        if not isinstance(entries, list):
            raise RemoteProtocolError(f"the attributes of {self.uri}{at} are not a list")
        found = {}
        for entry in entries:
            value = str(_field(entry, "value")).removeprefix("0s")
            found[str(_field(entry, "name"))] = base64.b64decode(value)
        return found

    async def delete(self, path: str, *, recursive: bool = False) -> bool:
        """See `FileSystem.delete`."""
        at = hdfs_part(self.uri, path)
        flag = str(recursive).lower()
        answer = await self._ask("delete", "DELETE", at, "DELETE", recursive=flag)
        return _field(answer, "boolean") is True

    async def aclose(self) -> None:
        """See `FileSystem.aclose`: each call has a connection of its own."""
        await self._partials.retry()

    async def _ask(
        self, action: str, verb: str, at: str, operation: str, **parameters: str
    ) -> object:
        """An operation of the NameNode itself, which responds with JSON or nothing."""
        _, body = await self._call_active(action, verb, at, operation, parameters)
        return body

    async def _redirect(
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
                    self._timer(action, at),
                    self._errors(action, at),
                    exchange(verb, url, trust=await trust_for(url, self._trust)) as response,
                ):
                    body = await self._check(response, action, at)
            except (ConnectError, StandbyError) as error:
                failure = failure or error
                continue
            self._active = index
            return response.header("location") or None, body
        raise failure or FileSystemError(action, self.uri + at, "no NameNode is configured")

    async def _check(self, response: Response, action: str, at: str) -> object:
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
            refusal = _field(_parse(text), "RemoteException")
            java_class = str(_field(refusal, "javaClassName"))
            message = str(_field(refusal, "message"))
            raise translate_java(java_class, message, action=action, path=self.uri + at)
        if response.status == HTTPStatus.UNAUTHORIZED:
            raise AuthenticationError(
                f"cannot {action} {self.uri}{at}: the HTTP server requires Kerberos (SPNEGO), which"
                " is not supported here; use a delegation token"
            )
        reason = f"HTTP status {response.status} {response.reason}"
        raise FileSystemError(action, self.uri + at, reason)

    def _until(self) -> float:
        return asyncio.get_running_loop().time() + self._deadline

    def _timer(self, action: str, at: str) -> Deadline:
        message = f"cannot {action} {self.uri}{at}: no response within {self._deadline:g} s"
        return Deadline(self._deadline, message)

    @asynccontextmanager
    async def _errors(self, action: str, at: str) -> AsyncIterator[None]:
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

    def _convert(self, entry: object, at: str) -> FileStatus:
        suffix = str(_field(entry, "pathSuffix"))
        path = f"{at.rstrip('/')}/{suffix}" if suffix else at
        is_directory = _field(entry, "type") == "DIRECTORY"
        try:
            return FileStatus(
                path=self.uri + path,
                length=0 if is_directory else int(str(_field(entry, "length"))),
                modification_time=int(str(_field(entry, "modificationTime"))),
                is_directory=is_directory,
                owner=str(_field(entry, "owner")),
                permission=int(str(_field(entry, "permission")), 8),
            )
        except ValueError as error:
            raise RemoteProtocolError(f"the status of {self.uri}{path} is invalid") from error


async def _after(first: bytes, chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    yield first
    async for chunk in chunks:
        yield chunk


def _parse(text: str | bytes) -> object:
    try:
        # Any: what JSON holds is checked field by field.
        parsed: Any = json.loads(text) if text.strip() else None
    except (ValueError, RecursionError) as error:
        raise RemoteProtocolError("a response of WebHDFS is not JSON") from error
    return parsed


def _field(answer: object, name: str) -> object:
    if not isinstance(answer, dict) or name not in answer:
        raise RemoteProtocolError(f"a response of WebHDFS has no {name}")
    return answer[name]
