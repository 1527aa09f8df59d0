from __future__ import annotations

import os
import pwd
from typing import TYPE_CHECKING

import pytest

from filesystem.contract import FileSystemContract, read_all
from yarnhub.base.errors import AccessDeniedError
from yarnhub.filesystem.acl import AclEntry, AclKind
from yarnhub.filesystem.errors import AclsUnavailableError
from yarnhub.filesystem.local import LocalFileSystem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


NOBODY = 65534


@pytest.fixture
def fs() -> LocalFileSystem:
    return LocalFileSystem()


@pytest.fixture
def stranger(fs: LocalFileSystem) -> LocalFileSystem:
    return fs


@pytest.fixture
def base(tmp_path: Path) -> str:
    folder = tmp_path / "base"
    folder.mkdir()
    return str(folder)


@pytest.fixture
def no_root() -> Iterator[None]:
    """Take root's rights away, from which no mode bits protect."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


class TestLocal(FileSystemContract):
    # There is no second user within one process: `test_refusals_name_the_path` has another way.
    test_no_permission = None  # type: ignore[assignment]
    test_in_a_sticky_directory_all_change_their_own = None  # type: ignore[assignment]
    test_only_the_owner_sets_permissions = None  # type: ignore[assignment]
    # `test_lists_are_refused` instead:
    test_users_and_groups_with_permissions_of_their_own = None  # type: ignore[assignment]
    test_a_list_with_too_many_entries = None  # type: ignore[assignment]

    async def test_lists_are_refused(self, fs: LocalFileSystem, base: str) -> None:
        bob = AclEntry(AclKind.USER, "bob", 5)
        with pytest.raises(AclsUnavailableError, match=f"{base}: .* supported in HDFS only"):
            await fs.set_access(base, 0o700, [bob])
        with pytest.raises(AclsUnavailableError, match="cannot read the access control list"):
            await fs.acl(base)

    async def test_refusals_name_the_path(
        self, fs: LocalFileSystem, tmp_path: Path, no_root: None
    ) -> None:
        with pytest.raises(AccessDeniedError, match="cannot read file:///etc/shadow: Permission"):
            await read_all(fs, "/etc/shadow")
        with pytest.raises(AccessDeniedError, match="cannot write file:///etc/x: Permission"):
            await fs.write("/etc/x", b"")
        with pytest.raises(AccessDeniedError, match="cannot delete"):
            await fs.delete("/etc/passwd")


async def test_home_is_that_of_the_process() -> None:
    home = pwd.getpwuid(os.geteuid()).pw_dir
    assert await LocalFileSystem().home() == f"file://{home}"


async def test_status_follows_links_and_delete_removes_the_link(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "kept").touch()
    (tmp_path / "link").symlink_to(target)
    fs = LocalFileSystem()
    status = await fs.status(str(tmp_path / "link"))
    assert status is not None
    assert status.is_directory
    assert await fs.delete(str(tmp_path / "link"), recursive=True)
    assert (target / "kept").exists()
