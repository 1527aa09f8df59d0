"""An HDFS of several users without a cluster; the contract's tests run against it, too.

Names and permissions are in memory, and the content of files in a folder.
"""

from __future__ import annotations

import itertools
import posixpath
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yarnhub.base.closing import Closing
from yarnhub.base.errors import AccessDeniedError
from yarnhub.filesystem.acl import MAX_ENTRIES, AclEntry, AclKind, ordered
from yarnhub.filesystem.content import ContentWriter
from yarnhub.filesystem.errors import (
    AclsUnavailableError,
    FileSystemError,
    InvalidNameError,
    PathExistsError,
    PathNotFoundError,
)
from yarnhub.filesystem.partials import MAX_NAME_BYTES, partial_name
from yarnhub.filesystem.paths import new_hdfs_part
from yarnhub.filesystem.port import CHUNK_SIZE, FileStatus

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
    from pathlib import Path

URI = "hdfs://fake:8020"
SUPERUSER = "hdfs"
READ, WRITE, ENTER = 4, 2, 1
_STICKY = 0o1000


@dataclass
class Node:
    owner: str
    permission: int
    modification_time: int
    content: Path | None = None
    """The content of a file; None for a directory."""
    acl: tuple[AclEntry, ...] = ()
    children: dict[str, Node] = field(default_factory=dict)

    def walk(self) -> Iterator[Node]:
        yield self
        for child in self.children.values():
            yield from child.walk()


class FakeHdfs:
    """The files of all users.

    Args:
        folder: Where the content is.
        groups: The groups of users.
    """

    def __init__(self, folder: Path, groups: Mapping[str, Sequence[str]] | None = None) -> None:
        self.groups = dict(groups or {})
        self.acls_enabled = True
        self._contents = (folder / str(number) for number in itertools.count())
        self._times = itertools.count(1_800_000_000_000)
        self.root = Node(SUPERUSER, 0o755, next(self._times))

    def now(self) -> int:
        return next(self._times)

    def new_content(self) -> Path:
        return next(self._contents)

    def user(self, name: str) -> FakeHdfsFileSystem:
        """The file system as a user."""
        return FakeHdfsFileSystem(self, name)

    def node(self, path: str) -> Node:
        """What is at a path, whoever may see it."""
        found = self.root
        for name in filter(None, path.removeprefix(URI).split("/")):
            found = found.children[name]
        return found


class FakeHdfsFileSystem(ContentWriter, Closing):
    """The files as one user sees them."""

    def __init__(self, hdfs: FakeHdfs, user: str) -> None:
        self._hdfs = hdfs
        self._user = user

    @property
    def uri(self) -> str:
        return URI

    async def home(self) -> str:
        return f"{URI}/user/{self._user}"

    async def status(self, path: str) -> FileStatus | None:
        try:
            return self._status("look at", path)
        except PathNotFoundError:
            return None

    def _status(self, action: str, path: str) -> FileStatus:
        at = new_hdfs_part(action, URI, path)
        return self._described(at, self._find(action, at))

    async def list(self, path: str) -> Sequence[FileStatus]:
        at = new_hdfs_part("list", URI, path)
        node = self._find("list", at)
        if node.content is not None:
            return [self._described(at, node)]
        self._require("list", at, node, READ)
        return [
            self._described(posixpath.join(at, name), child)
            for name, child in sorted(node.children.items())
        ]

    async def make_directory(self, path: str, permission: int = 0o700) -> None:
        self._make_directory("make the directory", path, permission)

    def _make_directory(self, action: str, path: str, permission: int) -> None:
        at = new_hdfs_part(action, URI, path)
        parts = at.strip("/").split("/") if at != "/" else []
        for count in range(1, len(parts) + 1):
            folder = "/" + "/".join(parts[:count])
            try:
                node = self._find(action, folder)
            except PathNotFoundError:
                mode = permission if count == len(parts) else (permission | 0o300) & 0o777
                self._add(action, folder, Node(self._user, mode, self._hdfs.now()))
                continue
            if node.content is not None:
                raise FileSystemError(action, URI + at, f"{folder} is not a directory")

    async def _store(
        self, path: str, permission: int, chunks: AsyncGenerator[bytes, None]
    ) -> FileStatus:
        at = new_hdfs_part("write", URI, path)
        partial = partial_name(at)
        async with aclosing(chunks):
            # Before anything is created: this fails if the local file is missing.
            first = await anext(chunks, b"")
            self._make_directory("write", posixpath.dirname(at), 0o755)
            node = Node(self._user, permission, 0, self._hdfs.new_content())
            self._add("write", partial, node)
            try:
                assert node.content is not None
                with node.content.open("wb") as file:
                    file.write(first)
                    async for chunk in chunks:
                        file.write(chunk)
                node.modification_time = self._hdfs.now()
                old = self._parent("write", at).children.get(posixpath.basename(at))
                if old is not None and old.content is None:
                    raise PathExistsError("write", URI + at, "it is a directory")
                self._add("write", at, node, replace=True)
            finally:
                self._parent("write", partial).children.pop(posixpath.basename(partial))
        return self._described(at, node)

    async def read(
        self, path: str, offset: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        at = new_hdfs_part("read", URI, path)
        node = self._find("read", at)
        if node.content is None:
            raise FileSystemError("read", URI + at, "it is not a file but a directory")
        self._require("read", at, node, READ)
        with node.content.open("rb") as file:
            file.seek(offset)
            left = length
            while chunk := file.read(CHUNK_SIZE if left is None else min(left, CHUNK_SIZE)):
                left = None if left is None else left - len(chunk)
                yield chunk

    async def acl(self, path: str) -> tuple[AclEntry, ...]:
        at = new_hdfs_part("read the access control list of", URI, path)
        node = self._find("read the access control list of", at)
        if not self._hdfs.acls_enabled:
            raise AclsUnavailableError("read the access control list of", URI + at, "disabled")
        return ordered(each.masked(node.permission) for each in node.acl)

    async def set_access(self, path: str, permission: int, acl: Sequence[AclEntry] = ()) -> None:
        action = "set the permissions of"
        at = new_hdfs_part(action, URI, path)
        node = self._find(action, at)
        if self._user not in (node.owner, SUPERUSER):
            raise self._denied(action, at)
        if acl and not self._hdfs.acls_enabled:
            raise AclsUnavailableError(action, URI + at, "disabled")
        if len(acl) > MAX_ENTRIES:
            raise FileSystemError(action, URI + at, "which exceeds maximum of 32")
        for each in acl:
            permission |= each.permission << 3
        node.permission = permission & 0o777 | node.permission & _STICKY
        node.acl = tuple(acl)

    async def move(self, path: str, destination: str) -> None:
        at, to = new_hdfs_part("move", URI, path), new_hdfs_part("move", URI, destination)
        node = self._find("move", at)
        self._require_removal("move", at, node)
        self._add("move", to, node, source=at)
        del self._parent("move", at).children[posixpath.basename(at)]

    async def delete(self, path: str, *, recursive: bool = False) -> bool:
        at = new_hdfs_part("delete", URI, path)
        try:
            node = self._find("delete", at)
        except PathNotFoundError:
            return False
        self._require_removal("delete", at, node)
        if node.children and not recursive:
            raise FileSystemError("delete", URI + at, "the directory is not empty")
        for each in node.walk():
            if each.content is not None:
                each.content.unlink()
            elif each.children:
                self._require("delete", at, each, WRITE)
        del self._parent("delete", at).children[posixpath.basename(at)]
        return True

    async def aclose(self) -> None:
        pass

    def _described(self, at: str, node: Node) -> FileStatus:
        return FileStatus(
            path=URI + at,
            length=0 if node.content is None else node.content.stat().st_size,
            modification_time=node.modification_time,
            is_directory=node.content is None,
            owner=node.owner,
            permission=node.permission,
        )

    def _find(self, action: str, at: str) -> Node:
        node = self._hdfs.root
        for name in filter(None, at.split("/")):
            if len(name.encode()) > MAX_NAME_BYTES:
                raise InvalidNameError(action, URI + at, "the name is too long")
            if node.content is not None:
                raise FileSystemError(action, URI + at, "its parent is not a directory")
            self._require(action, at, node, ENTER)
            if name not in node.children:
                raise PathNotFoundError(action, URI + at, "it does not exist")
            node = node.children[name]
        return node

    def _parent(self, action: str, at: str) -> Node:
        return self._find(action, posixpath.dirname(at))

    def _add(
        self, action: str, at: str, node: Node, *, replace: bool = False, source: str = ""
    ) -> None:
        name = posixpath.basename(at)
        if len(name.encode()) > MAX_NAME_BYTES:
            raise InvalidNameError(action, URI + at, "the name is too long")
        parent = self._parent(action, at)
        self._require(action, at, parent, WRITE)
        if name in parent.children and not replace:
            raise PathExistsError(action, URI + (source or at), f"{at} exists")
        parent.children[name] = node
        parent.modification_time = self._hdfs.now()

    def _require(self, action: str, at: str, node: Node, bits: int) -> None:
        if self._user != SUPERUSER and self._allowed(node) & bits != bits:
            raise self._denied(action, at)

    def _require_removal(self, action: str, at: str, node: Node) -> None:
        parent = self._parent(action, at)
        self._require(action, at, parent, WRITE)
        mine = self._user in (node.owner, parent.owner, SUPERUSER)
        if parent.permission & _STICKY and not mine:
            raise self._denied(action, at)

    def _allowed(self, node: Node) -> int:
        """Source: FSPermissionChecker.hasPermission, hasAclPermission."""
        if self._user == node.owner:
            return node.permission >> 6 & 7
        entries = [each.masked(node.permission) for each in node.acl]
        for each in entries:
            if (each.kind, each.name) == (AclKind.USER, self._user):
                return each.permission
        groups = [
            each.permission
            for each in entries
            if each.kind is AclKind.GROUP and each.name in self._hdfs.groups.get(self._user, ())
        ]
        return max(groups) if groups else node.permission & 7

    def _denied(self, action: str, at: str) -> AccessDeniedError:
        message = f"cannot {action} {URI}{at}: Permission denied: user={self._user}"
        return AccessDeniedError("org.apache.hadoop.security.AccessControlException", message)
