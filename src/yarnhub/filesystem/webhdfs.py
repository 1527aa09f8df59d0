"""HDFS by WebHDFS: HTTP to the NameNode and the DataNodes.

For users that hdfs-native does not support. The NameNode responds to `OPEN` and `CREATE` with the
URL of a DataNode, where the content is read or written.

Source: the Hadoop documentation, "WebHDFS REST API".
"""

from __future__ import annotations

import base64
import functools
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING

from yarnhub.base.closing import Closing
from yarnhub.base.errors import CallOutcome, ConnectionLostError, RemoteProtocolError
from yarnhub.filesystem.content import ContentWriter
from yarnhub.filesystem.errors import AclsUnavailableError, FileSystemError, PathNotFoundError
from yarnhub.filesystem.partials import Partials, partial_name
from yarnhub.filesystem.paths import hdfs_part, new_hdfs_part
from yarnhub.filesystem.port import FileStatus
from yarnhub.filesystem.webhdfs_requests import WebHdfsRequests, field
from yarnhub.hadoop.http import exchange
from yarnhub.hadoop.trust import system, trust_for

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from yarnhub.filesystem.acl import AclEntry
    from yarnhub.filesystem.webhdfs_requests import DelegationToken, UserName
    from yarnhub.hadoop.trust import TrustSource

_BINARY = (("Content-Type", "application/octet-stream"),)


class WebHdfsFileSystem(ContentWriter, Closing):
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
        self.requests = WebHdfsRequests(uri, web, identity, deadline, trust)
        """Its identity may be replaced: a token by a newer one."""
        self._partials = Partials(functools.partial(self.delete, recursive=True))

    @property
    def uri(self) -> str:
        """See `FileSystem.uri`."""
        return self.requests.uri

    async def home(self) -> str:
        """See `FileSystem.home`."""
        answer = await self.requests.ask(
            "find the home directory of", "GET", "/", "GETHOMEDIRECTORY"
        )
        return self.uri + str(field(answer, "Path"))

    async def status(self, path: str) -> FileStatus | None:
        """See `FileSystem.status`."""
        try:
            return await self._status(hdfs_part(self.uri, path))
        except PathNotFoundError:
            return None

    async def _status(self, at: str, action: str = "look at") -> FileStatus:
        answer = await self.requests.ask(action, "GET", at, "GETFILESTATUS")
        return self._convert(field(answer, "FileStatus"), at)

    async def list(self, path: str) -> Sequence[FileStatus]:
        """See `FileSystem.list`."""
        at = hdfs_part(self.uri, path)
        answer = await self.requests.ask("list", "GET", at, "LISTSTATUS")
        entries = field(field(answer, "FileStatuses"), "FileStatus")
        if not isinstance(entries, list):
            raise RemoteProtocolError(f"the listing of {self.uri}{at} is not a list")
        return sorted(
            (self._convert(entry, at) for entry in entries), key=lambda status: status.path
        )

    async def make_directory(self, path: str, permission: int = 0o700) -> None:
        """See `FileSystem.make_directory`."""
        at = new_hdfs_part("make the directory", self.uri, path)
        await self.requests.ask(
            "make the directory", "PUT", at, "MKDIRS", permission=f"{permission:o}"
        )

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
                await self.requests.ask("write", "PUT", folder, "MKDIRS", permission="755")
                await self._create(at, partial, permission, _after(first, chunks))
                # Without the option, a rename to an existing file is refused.
                await self.requests.ask(
                    "write", "PUT", partial, "RENAME", destination=at, renameoptions="OVERWRITE"
                )
            finally:
                await self._partials.discard(folder)
        return await self._status(at)

    async def _create(
        self, at: str, partial: str, permission: int, chunks: AsyncGenerator[bytes, None]
    ) -> None:
        where = await self.requests.redirect(
            "write", "PUT", partial, "CREATE", permission=f"{permission:o}", createparent="false"
        )
        async with self.requests.timer("write", at) as timer:

            async def body() -> AsyncGenerator[bytes, None]:
                async for chunk in chunks:
                    timer.reschedule(self.requests.until())
                    yield chunk
                timer.reschedule(self.requests.until())

            trust = await trust_for(where, self.requests.trust)
            async with (
                self.requests.errors("write", at),
                exchange("PUT", where, headers=_BINARY, body=body(), trust=trust) as response,
            ):
                await self.requests.check(response, "write", at)

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
        where = await self.requests.redirect("read", "GET", at, "OPEN", **(span if size else {}))
        if not size:
            return
        # An exit stack, since the generator may be closed after any chunk.
        async with AsyncExitStack() as stack:
            async with self.requests.timer("read", at), self.requests.errors("read", at):
                trust = await trust_for(where, self.requests.trust)
                response = await stack.enter_async_context(exchange("GET", where, trust=trust))
                await self.requests.check(response, "read", at)
            while size > 0:
                async with self.requests.timer("read", at), self.requests.errors("read", at):
                    chunk = await anext(response.chunks, b"")
                if not chunk:
                    raise ConnectionLostError(
                        f"cannot read {self.uri}{at}: the content ended {size} bytes early",
                        CallOutcome.UNKNOWN,
                    )
                size -= len(chunk)
                yield chunk

    async def acl(self, path: str) -> tuple[AclEntry, ...]:
        """See `FileSystem.acl`."""
        from yarnhub.filesystem.acl import named_entries  # which an ApplicationMaster lacks

        at = hdfs_part(self.uri, path)
        action = "read the access control list of"
        answer = await self.requests.ask(action, "GET", at, "GETACLSTATUS")
        found = field(answer, "AclStatus")
        entries = field(found, "entries")
        if not isinstance(entries, list):
            raise RemoteProtocolError(f"the access control list of {self.uri}{at} is not a list")
        # `user:bob:r-x`; those that files in a directory inherit begin with `default:`.
        parts = (str(entry).split(":") for entry in entries)
        named = ((each[0], each[1], each[2]) for each in parts if len(each) == 3)
        return named_entries(named, _mode(field(found, "permission"), self.uri + at))

    async def set_access(self, path: str, permission: int, acl: Sequence[AclEntry] = ()) -> None:
        """See `FileSystem.set_access`."""
        from yarnhub.filesystem.acl import access_entries

        at = hdfs_part(self.uri, path)
        entries = ",".join(":".join(each) for each in access_entries(permission, acl))
        action = "set the permissions of"
        try:
            await self.requests.ask(action, "PUT", at, "SETACL", aclspec=entries)
        except AclsUnavailableError:
            if acl:
                raise
            mode = f"{permission:o}"
            await self.requests.ask(action, "PUT", at, "SETPERMISSION", permission=mode)

    async def move(self, path: str, destination: str) -> None:
        """See `FileSystem.move`."""
        at, to = hdfs_part(self.uri, path), new_hdfs_part("move", self.uri, destination)
        # Without the option, it would be moved into a directory at the destination.
        await self.requests.ask("move", "PUT", at, "RENAME", destination=to, renameoptions="NONE")

    async def rename(self, path: str, destination: str) -> bool:
        """Move a file or directory; False if it does not exist, or the destination does."""
        at, to = hdfs_part(self.uri, path), hdfs_part(self.uri, destination)
        answer = await self.requests.ask("rename", "PUT", at, "RENAME", destination=to)
        return field(answer, "boolean") is True

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
        await self.requests.ask("set an attribute of", "PUT", at, "SETXATTR", **attribute)

    async def attributes(self, path: str) -> dict[str, bytes]:
        """All extended attributes of a path, by name."""
        at = hdfs_part(self.uri, path)
        answer = await self.requests.ask("read", "GET", at, "GETXATTRS", encoding="base64")
        entries = field(answer, "XAttrs")
        if not isinstance(entries, list):
            raise RemoteProtocolError(f"the attributes of {self.uri}{at} are not a list")
        found = {}
        for entry in entries:
            value = str(field(entry, "value")).removeprefix("0s")
            found[str(field(entry, "name"))] = base64.b64decode(value)
        return found

    async def delete(self, path: str, *, recursive: bool = False) -> bool:
        """See `FileSystem.delete`."""
        at = hdfs_part(self.uri, path)
        flag = str(recursive).lower()
        answer = await self.requests.ask("delete", "DELETE", at, "DELETE", recursive=flag)
        return field(answer, "boolean") is True

    async def aclose(self) -> None:
        """See `FileSystem.aclose`: each call has a connection of its own."""
        await self._partials.retry()

    def _convert(self, entry: object, at: str) -> FileStatus:
        suffix = str(field(entry, "pathSuffix"))
        path = f"{at.rstrip('/')}/{suffix}" if suffix else at
        is_directory = field(entry, "type") == "DIRECTORY"
        try:
            return FileStatus(
                path=self.uri + path,
                length=0 if is_directory else int(str(field(entry, "length"))),
                modification_time=int(str(field(entry, "modificationTime"))),
                is_directory=is_directory,
                owner=str(field(entry, "owner")),
                permission=_mode(field(entry, "permission"), self.uri + path),
            )
        except ValueError as error:
            raise RemoteProtocolError(f"the status of {self.uri}{path} is invalid") from error


def _mode(found: object, url: str) -> int:
    try:
        return int(str(found), 8)
    except ValueError as error:
        raise RemoteProtocolError(f"the permission of {url} is invalid") from error


async def _after(first: bytes, chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    yield first
    async for chunk in chunks:
        yield chunk
