"""What every adapter of the file system port must do; one class of tests for each runs it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from yarnhub.base.errors import AccessDeniedError, ConfigurationError
from yarnhub.base.tasks import task_group
from yarnhub.filesystem.acl import MAX_ENTRIES, AclEntry, AclKind
from yarnhub.filesystem.errors import FileSystemError, PathExistsError, PathNotFoundError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from yarnhub.filesystem.port import FileSystem

LARGE = 160 << 20
FLAT = LARGE // 2  # allocators keep some of what was freed, buffers are tens of MiB
"""Bytes that the process may grow by while a large file passes through it."""


def resident() -> int:
    """Bytes of memory that this process has in use."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def closed_port() -> int:
    """A port of this host on which nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def silent_server() -> AsyncIterator[int]:
    """A server that accepts connections and never says a word; its port."""
    release = asyncio.Event()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.close()

    server = await asyncio.start_server(wait, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        release.set()
        server.close()
        await server.wait_closed()


async def read_all(fs: FileSystem, path: str, offset: int = 0, length: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in fs.read(path, offset, length)])


class FileSystemContract:
    """Subclasses give the fixtures `fs`, `base` (a directory of its user) and `stranger`."""

    async def test_round_trip(self, fs: FileSystem, base: str) -> None:
        written = await fs.write(f"{base}/a", b"hello", 0o640)
        assert written == await fs.status(f"{base}/a")
        assert written.path == f"{fs.uri}{base}/a"
        assert (written.length, written.is_directory) == (5, False)
        assert written.permission == 0o640
        assert await read_all(fs, f"{base}/a") == b"hello"

    async def test_takes_a_url_of_its_own_for_a_path(self, fs: FileSystem, base: str) -> None:
        await fs.write(f"{fs.uri}{base}/a", b"x")
        assert await read_all(fs, f"{fs.uri}{base}/a") == b"x"
        with pytest.raises(ConfigurationError, match="s3://bucket/a is not in the file system"):
            await fs.status("s3://bucket/a")
        with pytest.raises(ConfigurationError, match="not an absolute path"):
            await fs.status("a")

    @pytest.mark.parametrize(
        "name",
        [
            *("with space", "50%", "a+b", "q?x=1", "x#y", "a&b", "a=b;c", "a\\b", "\n", "~", "%2f"),
            *("caf\u00e9", "cafe\u0301", "\u212b", "\U0001f600"),  # in NFC, NFD, neither
            *("x" * length for length in (235, 244, 255)),
            "\u00e9" * 127,
        ],
        ids=ascii,
    )
    async def test_names_of_all_kinds(self, fs: FileSystem, base: str, name: str) -> None:
        await fs.write(f"{base}/{name}", b"x")
        assert await read_all(fs, f"{base}/{name}") == b"x"
        assert [status.path for status in await fs.list(base)] == [f"{fs.uri}{base}/{name}"]

    async def test_two_forms_of_a_name_are_two_names(self, fs: FileSystem, base: str) -> None:
        await fs.write(f"{base}/caf\u00e9", b"one")
        await fs.write(f"{base}/cafe\u0301", b"other")
        assert await read_all(fs, f"{base}/caf\u00e9") == b"one"
        assert await read_all(fs, f"{base}/cafe\u0301") == b"other"

    @pytest.mark.parametrize("name", ["x" * 256, "\u00e9" * 128, "a\0b"], ids=["x", "e", "nul"])
    async def test_names_that_nobody_takes(self, fs: FileSystem, base: str, name: str) -> None:
        with pytest.raises(FileSystemError, match=r"(?i)name|too long"):
            await fs.write(f"{base}/{name}", b"x")
        assert list(await fs.list(base)) == []

    async def test_overwrite_changes_content_and_permission(
        self, fs: FileSystem, base: str
    ) -> None:
        await fs.write(f"{base}/a", b"the old and longer content", 0o600)
        written = await fs.write(f"{base}/a", b"new", 0o644)
        assert (written.length, written.permission) == (3, 0o644)
        assert await read_all(fs, f"{base}/a") == b"new"
        assert len(await fs.list(base)) == 1

    async def test_writes_make_the_directories_above(self, fs: FileSystem, base: str) -> None:
        await fs.write(f"{base}/x/y/a", b"")
        assert await read_all(fs, f"{base}/x/y/a") == b""

    async def test_the_modification_time_stays_that_of_the_status(
        self, fs: FileSystem, base: str
    ) -> None:
        # YARN refuses a LocalResource whose time differs by a millisecond.
        written = await fs.write(f"{base}/a", b"x")
        listed = (await fs.list(base))[0]
        assert written.modification_time == listed.modification_time > 1_500_000_000_000

    async def test_reads_a_range(self, fs: FileSystem, base: str) -> None:
        await fs.write(f"{base}/a", b"0123456789")
        assert await read_all(fs, f"{base}/a", 3) == b"3456789"
        assert await read_all(fs, f"{base}/a", 3, 4) == b"3456"
        assert await read_all(fs, f"{base}/a", 8, 100) == b"89"
        assert await read_all(fs, f"{base}/a", 10) == b""
        assert await read_all(fs, f"{base}/a", 99, 5) == b""
        assert await read_all(fs, f"{base}/a", 2, 0) == b""

    async def test_a_large_file_in_flat_memory(
        self, fs: FileSystem, base: str, tmp_path: Path
    ) -> None:
        local = tmp_path / "large"
        block = os.urandom(1 << 20)
        with local.open("wb") as file:
            for _ in range(LARGE >> 20):
                file.write(block)
        before, peak, told = resident(), 0, 0

        def progress(sent: int) -> None:
            nonlocal peak, told
            assert sent > told
            told, peak = sent, max(peak, resident())

        status = await fs.upload(local, f"{base}/large", 0o600, progress)
        assert status.length == told == LARGE
        digest = hashlib.sha256()
        async for chunk in fs.read(f"{base}/large"):
            digest.update(chunk)
            peak = max(peak, resident())
        assert digest.hexdigest() == hashlib.sha256(block * (LARGE >> 20)).hexdigest()
        assert peak - before < FLAT

    async def test_a_reader_may_leave_early(
        self, fs: FileSystem, base: str, tmp_path: Path
    ) -> None:
        await fs.write(f"{base}/a", bytes(5 << 20))
        for _ in range(3):
            async with contextlib.aclosing(fs.read(f"{base}/a")) as chunks:
                assert await anext(chunks)
        assert len(await read_all(fs, f"{base}/a")) == 5 << 20

    async def test_a_cancelled_upload_leaves_nothing_and_the_old_file(
        self, fs: FileSystem, base: str, tmp_path: Path
    ) -> None:
        await fs.write(f"{base}/a", b"old")
        local = tmp_path / "new"
        local.write_bytes(bytes(8 << 20))

        async def upload() -> None:
            task = asyncio.current_task()
            assert task is not None

            def progress(_sent: int) -> None:
                task.cancel()

            await fs.upload(local, f"{base}/a", progress=progress)

        async with asyncio.TaskGroup() as group:
            task = group.create_task(upload())
        assert task.cancelled()
        assert [status.path for status in await fs.list(base)] == [f"{fs.uri}{base}/a"]
        assert await read_all(fs, f"{base}/a") == b"old"

    async def test_upload_of_what_is_not_there(
        self, fs: FileSystem, base: str, tmp_path: Path
    ) -> None:
        with pytest.raises(PathNotFoundError, match="nothing-here"):
            await fs.upload(tmp_path / "nothing-here", f"{base}/a")
        assert await fs.list(base) == []

    async def test_directories(self, fs: FileSystem, base: str) -> None:
        await fs.make_directory(f"{base}/d", 0o750)
        status = await fs.status(f"{base}/d")
        assert status is not None
        assert (status.is_directory, status.length, status.permission) == (True, 0, 0o750)
        await fs.write(f"{base}/d/a", b"")
        await fs.make_directory(f"{base}/d", 0o777)  # as it is: no error, no change
        assert await fs.status(f"{base}/d") is not None
        assert (await fs.list(base))[0].permission == 0o750

    async def test_permission_bits_do_not_depend_on_a_umask(
        self, fs: FileSystem, base: str
    ) -> None:
        await fs.make_directory(f"{base}/d", 0o777)
        await fs.write(f"{base}/f", b"", 0o666)
        assert [status.permission for status in await fs.list(base)] == [0o777, 0o666]

    async def test_lists_by_name_and_a_file_as_itself(self, fs: FileSystem, base: str) -> None:
        for name in ("c", "a", "b"):
            await fs.write(f"{base}/{name}", b"")
        names = [status.path.rpartition("/")[2] for status in await fs.list(base)]
        assert names == ["a", "b", "c"]
        assert [s.path for s in await fs.list(f"{base}/a")] == [f"{fs.uri}{base}/a"]

    async def test_what_does_not_exist(self, fs: FileSystem, base: str) -> None:
        missing = f"{base}/missing"
        assert await fs.status(missing) is None
        assert await fs.delete(missing) is False
        assert await fs.delete(missing, recursive=True) is False
        with pytest.raises(PathNotFoundError, match=f"{fs.uri}{missing}"):
            await fs.list(missing)
        with pytest.raises(FileNotFoundError, match=missing):
            await read_all(fs, missing)

    async def test_delete(self, fs: FileSystem, base: str) -> None:
        await fs.write(f"{base}/d/a", b"")
        with pytest.raises(FileSystemError, match=f"{fs.uri}{base}/d: .*not empty"):
            await fs.delete(f"{base}/d")
        assert await fs.delete(f"{base}/d/a") is True
        assert await fs.delete(f"{base}/d") is True
        await fs.write(f"{base}/e/f/a", b"")
        assert await fs.delete(f"{base}/e", recursive=True) is True
        assert await fs.list(base) == []

    async def test_move(self, fs: FileSystem, base: str) -> None:
        await fs.write(f"{base}/a", b"a", 0o640)
        await fs.move(f"{base}/a", f"{base}/b c")
        assert await fs.status(f"{base}/a") is None
        assert await read_all(fs, f"{base}/b c") == b"a"
        await fs.make_directory(f"{base}/d")
        await fs.move(f"{base}/b c", f"{base}/d/a")
        await fs.move(f"{base}/d", f"{base}/e")
        assert await read_all(fs, f"{base}/e/a") == b"a"

    async def test_move_never_replaces(self, fs: FileSystem, base: str) -> None:
        for name in ("a", "b"):
            await fs.write(f"{base}/{name}", name.encode())
        await fs.make_directory(f"{base}/d")
        for taken in ("b", "d"):
            with pytest.raises(PathExistsError, match=f"cannot move {fs.uri}{base}/a"):
                await fs.move(f"{base}/a", f"{base}/{taken}")
        assert await read_all(fs, f"{base}/b") == b"b"
        assert await fs.list(f"{base}/d") == []
        with pytest.raises(PathNotFoundError):
            await fs.move(f"{base}/missing", f"{base}/c")
        with pytest.raises(PathNotFoundError):
            await fs.move(f"{base}/a", f"{base}/missing/c")

    async def test_of_many_moves_to_one_path_one_succeeds(self, fs: FileSystem, base: str) -> None:
        async def move(name: str, to: str) -> bool:
            try:
                await fs.move(name, to)
            except PathExistsError:
                return False
            return True

        for to in (f"{base}/{attempt}" for attempt in range(3)):
            names = [f"{to}-{each}" for each in range(4)]
            for name in names:
                await fs.write(name, name.encode())
            async with task_group() as group:
                moves = {name: group.create_task(move(name, to)) for name in names}
            (moved,) = (name for name, task in moves.items() if task.result())
            assert await read_all(fs, to) == moved.encode()
            left = {status.path for status in await fs.list(base)}
            assert {f"{fs.uri}{name}" for name in names} & left == {
                f"{fs.uri}{name}" for name in names if name != moved
            }

    async def test_a_file_in_the_way_of_a_directory(self, fs: FileSystem, base: str) -> None:
        await fs.write(f"{base}/a", b"")
        with pytest.raises(FileSystemError, match=r"(?i)not a directory|in the way|file exists"):
            await fs.make_directory(f"{base}/a/b")
        with pytest.raises(FileSystemError, match=f"{base}/a"):
            await fs.make_directory(f"{base}/a")

    async def test_a_directory_is_not_read(self, fs: FileSystem, base: str) -> None:
        with pytest.raises(FileSystemError, match=r"(?i)not a file|is a directory"):
            await read_all(fs, base)

    async def test_no_permission(self, fs: FileSystem, stranger: FileSystem, base: str) -> None:
        await fs.make_directory(f"{base}/private", 0o700)
        await fs.write(f"{base}/private/a", b"secret", 0o600)
        await fs.write(f"{base}/b", b"secret", 0o600)
        for path in (f"{base}/private/a", f"{base}/b"):
            with pytest.raises(AccessDeniedError, match=f"cannot read .*{path}"):
                await read_all(stranger, path)
        with pytest.raises(AccessDeniedError, match="cannot write"):
            await stranger.write(f"{base}/private/c", b"")
        with pytest.raises(AccessDeniedError):
            await stranger.list(f"{base}/private")
        with pytest.raises(AccessDeniedError):
            await stranger.status(f"{base}/private/a")

    async def test_permissions_are_replaced(self, fs: FileSystem, base: str) -> None:
        await fs.write(f"{base}/d/f", b"content", 0o600)
        await fs.set_access(f"{base}/d", 0o755)
        await fs.set_access(f"{base}/d/f", 0o640)
        folder, file = (await fs.list(base))[0], (await fs.list(f"{base}/d"))[0]
        assert (folder.permission, file.permission) == (0o755, 0o640)
        assert await read_all(fs, f"{base}/d/f") == b"content"
        with pytest.raises(PathNotFoundError, match=f"cannot set the permissions of .*{base}/x"):
            await fs.set_access(f"{base}/x", 0o755)

    async def test_a_sticky_directory_stays_one(self, fs: FileSystem, base: str) -> None:
        await fs.make_directory(f"{base}/d", 0o1777)
        await fs.set_access(f"{base}/d", 0o755)
        assert (await fs.list(base))[0].permission == 0o1755

    async def test_in_a_sticky_directory_all_change_their_own(
        self, fs: FileSystem, stranger: FileSystem, base: str
    ) -> None:
        await fs.make_directory(f"{base}/d", 0o1777)
        await fs.make_directory(f"{base}/d/mine", 0o700)
        await stranger.make_directory(f"{base}/d/theirs", 0o700)
        await stranger.move(f"{base}/d/theirs", f"{base}/d/moved")
        with pytest.raises(AccessDeniedError):
            await stranger.move(f"{base}/d/mine", f"{base}/d/theirs")
        with pytest.raises(AccessDeniedError):
            await stranger.delete(f"{base}/d/mine", recursive=True)
        assert await stranger.delete(f"{base}/d/moved", recursive=True)

    async def test_users_and_groups_with_permissions_of_their_own(
        self, fs: FileSystem, stranger: FileSystem, base: str
    ) -> None:
        await fs.write(f"{base}/d/f", b"content", 0o644)
        await fs.set_access(f"{base}/d", 0o700)
        with pytest.raises(AccessDeniedError):
            await read_all(stranger, f"{base}/d/f")
        assert await fs.acl(f"{base}/d") == ()
        bob, some = AclEntry(AclKind.USER, "bob", 5), AclEntry(AclKind.GROUP, "a-group", 1)
        await fs.set_access(f"{base}/d", 0o700, [bob, some])
        assert await read_all(stranger, f"{base}/d/f") == b"content"
        assert await fs.acl(f"{base}/d") == (bob, some)
        # The group's bits are the most that an entry allows.
        assert (await fs.list(base))[0].permission == 0o750
        await fs.set_access(f"{base}/d", 0o700)
        assert await fs.acl(f"{base}/d") == ()
        assert (await fs.list(base))[0].permission == 0o700
        with pytest.raises(AccessDeniedError):
            await read_all(stranger, f"{base}/d/f")

    async def test_only_the_owner_sets_permissions(
        self, fs: FileSystem, stranger: FileSystem, base: str
    ) -> None:
        await fs.make_directory(f"{base}/d", 0o755)
        with pytest.raises(AccessDeniedError, match=f"{base}/d"):
            await stranger.set_access(f"{base}/d", 0o777)

    async def test_a_list_with_too_many_entries(self, fs: FileSystem, base: str) -> None:
        def of(count: int) -> list[AclEntry]:
            return [AclEntry(AclKind.USER, f"user{number:02}", 5) for number in range(count)]

        await fs.set_access(base, 0o700, of(MAX_ENTRIES))
        assert await fs.acl(base) == tuple(of(MAX_ENTRIES))
        with pytest.raises(FileSystemError, match="exceeds maximum"):
            await fs.set_access(base, 0o700, of(MAX_ENTRIES + 1))

    async def test_many_at_once(self, fs: FileSystem, base: str) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(20):
                group.create_task(fs.write(f"{base}/{number:02}", b"%d" % number))
        assert len(await fs.list(base)) == 20
        assert await read_all(fs, f"{base}/17") == b"17"

    async def test_home(self, fs: FileSystem, base: str) -> None:
        home = await fs.home()
        assert home.startswith(f"{fs.uri}/")
