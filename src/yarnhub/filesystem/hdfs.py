"""HDFS by the package hdfs-native: native RPC and block transfer, no JVM."""

from __future__ import annotations

import asyncio
import functools
import os
import pwd
import re
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import hdfs_native

from yarnhub.base.closing import Closing
from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import (
    AuthenticationError,
    CallOutcome,
    ConfigurationError,
    ConnectError,
    ConnectionLostError,
    YarnhubError,
)
from yarnhub.base.foreign_text import quoted
from yarnhub.filesystem.acl import access_entries, named_entries
from yarnhub.filesystem.content import ContentWriter
from yarnhub.filesystem.errors import (
    AclsUnavailableError,
    FileSystemError,
    PathExistsError,
    PathNotFoundError,
    translate_java,
)
from yarnhub.filesystem.partials import CLEAN_UP_TIMEOUT, Partials, partial_name
from yarnhub.filesystem.paths import hdfs_part, new_hdfs_part
from yarnhub.filesystem.port import CHUNK_SIZE, FileStatus
from yarnhub.filesystem.threads import Calls
from yarnhub.hadoop.security.authentication import is_secure

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence

    from yarnhub.filesystem.acl import AclEntry
    from yarnhub.filesystem.guarded import GuardedNameNodes
    from yarnhub.filesystem.name_node import NameService
    from yarnhub.hadoop.conf import Properties

T = TypeVar("T")

_READ_KEYS = (
    "dfs.client.block.write.replace-datanode-on-failure.best-effort",
    "dfs.client.block.write.replace-datanode-on-failure.enable",
    "dfs.client.block.write.replace-datanode-on-failure.policy",
    "dfs.client.socket-timeout",
    "dfs.client.use.datanode.hostname",
    "dfs.data.transfer.protection",
    "hadoop.security.key.provider.path",
)
"""The keys that hdfs-native reads (`common/config.rs` of 0.14)."""

_ANSWER = re.compile(r'^(?:Fatal)?RPCError\("((?:[^"\\]|\\.)*)", "((?:[^"\\]|\\.)*)"\)$', re.DOTALL)
"""How hdfs-native prints an exception of the NameNode: its class is not available otherwise."""
_UNREACHABLE = ("Connection refused", "lookup address", "unreachable", "No route to host")


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeLogin:
    """The login of hdfs-native; all None for the default ticket cache."""

    principal: str | None = None
    keytab: str | None = None
    cache: str | None = None


def native_user_name() -> str:
    """The user name of hdfs-native on a cluster without security; it cannot be passed in Python.

    Raises:
        ConfigurationError: The environment would make it act for another user.
    """
    # hdfs-native reads these variables itself: only they show what it will do.
    environment = os.environ  # noqa: TID251
    name = environment.get("HADOOP_USER_NAME")
    if name is not None:
        return name
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError as error:
        raise ConfigurationError(
            f"user id {os.geteuid()} has no name: set HADOOP_USER_NAME"
        ) from error


def check_no_proxy() -> None:
    """Refuse an environment in which hdfs-native would act for a user other than its login.

    Raises:
        ConfigurationError: HADOOP_PROXY_USER is set.
    """
    proxy = os.environ.get("HADOOP_PROXY_USER")  # noqa: TID251  # hdfs-native reads it
    if proxy is not None:
        raise ConfigurationError(
            f"HADOOP_PROXY_USER is set to {quoted(proxy)}: hdfs-native would act for that user in "
            "every connection of this process; unset it, and name the user when opening a file "
            "system"
        )


def settings_of(properties: Properties, service: NameService) -> dict[str, str]:
    """The settings of hdfs-native from the configuration."""
    settings = {key: value for key in _READ_KEYS if (value := properties.get(key)) is not None}
    settings["hadoop.security.authentication"] = "kerberos" if is_secure(properties) else "simple"
    if service.nameservice is not None:
        name = service.nameservice
        settings[f"dfs.ha.namenodes.{name}"] = ",".join(
            f"nn{number}" for number, _ in enumerate(service.rpc)
        )
        for number, address in enumerate(service.rpc):
            settings[f"dfs.namenode.rpc-address.{name}.nn{number}"] = str(address)
    # Each NameNode is tried once: the 15 rounds of hdfs-native take minutes.
    settings["dfs.client.failover.max.attempts"] = str(len(service.rpc) - 1)
    return settings


class HdfsFileSystem(ContentWriter, Closing):
    """One HDFS as the user that hdfs-native takes from this process, or from a Kerberos login.

    Args:
        service: The NameNode or the pair of them.
        settings: The result of `settings_of`.
        user_name: The user, for the home directory.
        login: The Kerberos login; None on a cluster without security.
        guarded: The guards between hdfs-native and NameNodes that must authenticate.
        deadline: Seconds for one response.
    """

    def __init__(
        self,
        service: NameService,
        settings: Mapping[str, str],
        user_name: str,
        *,
        login: NativeLogin | None = None,
        guarded: GuardedNameNodes | None = None,
        deadline: float = 60.0,
    ) -> None:
        self._service = service
        self._guarded = guarded
        self._home = f"{service.uri}{service.home_prefix}/{user_name}"
        self._deadline = deadline
        self._calls = Calls(f"hdfs {service.uri}")
        self._partials = Partials(self.delete)
        login = login or NativeLogin()
        try:
            # Not AsyncClient: when it is dropped it waits, holding the interpreter's lock, for
            # threads that may be waiting for that lock: the process hangs for good. And `inner`,
            # since the file objects around it complete an unfinished file when they are dropped.
            self._client = hdfs_native.Client(
                (guarded.of(service) if guarded else service).uri,
                dict(settings),
                # A folder that cannot exist: with None hdfs-native would read HADOOP_CONF_DIR.
                "/dev/null",
                kerberos_principal=login.principal,
                kerberos_keytab=login.keytab,
                kerberos_cache=login.cache,
            ).inner
        except (OSError, RuntimeError) as error:
            if guarded is not None:
                guarded.close()
            raise _translate(error, "open", service) from error

    @property
    def uri(self) -> str:
        """See `FileSystem.uri`."""
        return self._service.uri

    async def home(self) -> str:
        """See `FileSystem.home`."""
        return self._home

    async def status(self, path: str) -> FileStatus | None:
        """See `FileSystem.status`."""
        try:
            return await self._status(hdfs_part(self.uri, path))
        except PathNotFoundError:
            return None

    async def _status(self, at: str) -> FileStatus:
        status = await self._call("look at", at, lambda: self._client.get_file_info(at))
        return self._convert(status)

    async def list(self, path: str) -> Sequence[FileStatus]:
        """See `FileSystem.list`."""
        at = hdfs_part(self.uri, path)
        found = await self._call(
            "list", at, lambda: list(self._client.list_status(at, recursive=False))
        )
        return sorted(map(self._convert, found), key=lambda status: status.path)

    async def make_directory(self, path: str, permission: int = 0o700) -> None:
        """See `FileSystem.make_directory`."""
        at = new_hdfs_part("make the directory", self.uri, path)
        await self._call(
            "make the directory",
            at,
            lambda: self._client.mkdirs(at, permission, create_parent=True),
        )

    async def _store(
        self, path: str, permission: int, chunks: AsyncGenerator[bytes, None]
    ) -> FileStatus:
        at = new_hdfs_part("write", self.uri, path)
        partial = partial_name(at)
        options = hdfs_native.WriteOptions(permission=permission)
        calls = Calls(f"write {partial}")
        async with aclosing(chunks):
            try:
                file = await self._call(
                    "write", at, lambda: self._client.create(partial, options), calls
                )
                async for chunk in chunks:
                    await self._call("write", at, functools.partial(file.write, chunk), calls)
                await self._call("write", at, file.close, calls)
                rename = functools.partial(self._client.rename, partial, at, overwrite=True)
                await self._call("write", at, rename, calls)
            except BaseException:
                await self._discard(partial, calls)
                raise
        await self._partials.retry()
        return await self._status(at)

    async def _discard(self, partial: str, calls: Calls) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(CLEAN_UP_TIMEOUT):
                # Calls in progress may still create the file.
                await calls.wait_for_abandoned(CLEAN_UP_TIMEOUT)
        await self._partials.discard(partial)

    async def read(
        self, path: str, offset: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """See `FileSystem.read`."""
        at = hdfs_part(self.uri, path)
        file = await self._call("read", at, lambda: self._client.read(at))
        # hdfs-native panics on a read beyond the end.
        size = max(0, file.file_length() - offset)
        size = size if length is None else min(size, length)
        if not size:
            return
        chunks = file.read_range_stream(offset, size)
        while chunk := await self._call("read", at, lambda: _take(chunks)):
            yield chunk

    async def acl(self, path: str) -> tuple[AclEntry, ...]:
        """See `FileSystem.acl`."""
        at = hdfs_part(self.uri, path)
        found = await self._call(
            "read the access control list of", at, lambda: self._client.get_acl_status(at)
        )
        entries = (
            (each.type, each.name or "", each.permissions)
            for each in found.entries
            if each.scope == "access"
        )
        return named_entries(entries, found.permission)

    async def set_access(self, path: str, permission: int, acl: Sequence[AclEntry] = ()) -> None:
        """See `FileSystem.set_access`."""
        at = hdfs_part(self.uri, path)
        entries = [
            hdfs_native.AclEntry(kind, "access", allowed, name or None)
            for kind, name, allowed in access_entries(permission, acl)
        ]
        action = "set the permissions of"
        try:
            await self._call(action, at, lambda: self._client.set_acl(at, entries))
        except AclsUnavailableError:
            if acl:
                raise
            await self._call(action, at, lambda: self._client.set_permission(at, permission))

    async def move(self, path: str, destination: str) -> None:
        """See `FileSystem.move`."""
        at, to = hdfs_part(self.uri, path), new_hdfs_part("move", self.uri, destination)
        await self._call("move", at, lambda: self._client.rename(at, to, overwrite=False))

    async def delete(self, path: str, *, recursive: bool = False) -> bool:
        """See `FileSystem.delete`."""
        at = hdfs_part(self.uri, path)
        return await self._call("delete", at, lambda: self._client.delete(at, recursive=recursive))

    async def aclose(self) -> None:
        """See `FileSystem.aclose`. hdfs-native closes its connections with the last reference."""
        try:
            await self._partials.retry()
        finally:
            if self._guarded is not None:
                self._guarded.close()

    def _convert(self, status: hdfs_native.FileStatus) -> FileStatus:
        return FileStatus(
            path=self.uri + status.path,
            length=status.length,
            modification_time=status.modification_time,
            is_directory=status.isdir,
            owner=status.owner,
            permission=status.permission,
        )

    async def _call(
        self, action: str, at: str, call: Callable[[], T], calls: Calls | None = None
    ) -> T:
        """Limit the time of one response and translate its error."""
        url = self.uri + at
        message = (
            f"cannot {action} {url}: {self._service} did not respond within {self._deadline:g} s"
        )
        async with Deadline(self._deadline, message):
            try:
                if self._guarded is not None:
                    await self._guarded.start()
                return await (calls or self._calls).run(call)
            except (OSError, RuntimeError) as error:
                translated = _translate(error, action, self._service, url)
                trouble = self._guarded.trouble if self._guarded is not None else None
                # hdfs-native only sees that the connection was closed.
                cut_off = isinstance(translated, ConnectError | ConnectionLostError)
                if trouble is not None and cut_off:
                    raise type(trouble)(f"cannot {action} {url}: {trouble}") from trouble
                raise translated from error


def _take(pieces: Iterator[bytes]) -> bytes:
    """The next pieces, of 64 KiB each, as one chunk; empty at the end."""
    chunk = bytearray()
    for piece in pieces:
        chunk += piece
        if len(chunk) >= CHUNK_SIZE:
            break
    return bytes(chunk)


def _translate(
    error: OSError | RuntimeError, action: str, service: NameService, url: str = ""
) -> YarnhubError:
    """An error of hdfs-native as one of ours."""
    url = url or service.uri
    text = str(error)
    if isinstance(error, FileNotFoundError):
        return translate_java("java.io.FileNotFoundException", text, action=action, path=url)
    if isinstance(error, OSError):
        if any(sign in text for sign in _UNREACHABLE):
            return ConnectError(f"cannot {action} {url}: cannot connect to {service}: {text}")
        if isinstance(error, FileExistsError):
            return PathExistsError(action, url, text.partition("\n")[0])
        if isinstance(error, IsADirectoryError | NotADirectoryError):
            return FileSystemError(action, url, text.partition("\n")[0])
        return ConnectionLostError(
            f"cannot {action} {url}: the connection to {service} or a DataNode was lost: {text}",
            CallOutcome.UNKNOWN,
        )
    if (answer := _ANSWER.match(text)) is not None:
        java_class, message = map(_unescape, answer.groups())
        return translate_java(java_class, message, action=action, path=url)
    if text.startswith(("SASLError", "GSSAPIError", "NoSASLMechanism")):
        return AuthenticationError(
            f"cannot {action} {url}: {service} refused the connection: {text}"
        )
    return FileSystemError(action, url, text)


def _unescape(text: str) -> str:
    r"""Undo Rust's `Debug`: `\n`, `\"`, `\\`, `\u{1f}`."""
    simple = {"n": "\n", "t": "\t", "r": "\r", "0": "\0"}

    def original(match: re.Match[str]) -> str:
        code = match[1]
        return chr(int(code[2:-1], 16)) if code.startswith("u{") else simple.get(code, code)

    return re.sub(r"\\(u\{[0-9a-f]+\}|.)", original, text, flags=re.DOTALL)
