"""Jars are downloaded completely or not at all; damaged ones are downloaded again."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import http.server
import threading
from typing import TYPE_CHECKING

import pytest

from yarnhub.base.errors import DeadlineExceededError
from yarnhub.cluster.errors import DownloadError
from yarnhub.cluster.jars import (
    MANIFEST,
    Jar,
    cache_name,
    download_jars,
    format_sums,
    format_table,
    is_complete,
    parse_table,
    provide_jars,
    read_known_jars,
)
from yarnhub.cluster.options import TESTED_VERSIONS
from yarnhub.cluster.state.lock import file_lock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTENT = b"a jar"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
SHA1 = hashlib.sha1(CONTENT).hexdigest()


class Repository(http.server.ThreadingHTTPServer):
    """A Maven repository that counts requests and can damage its first responses."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.files: dict[str, bytes] = {}
        self.spoiled = 0
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/maven2"


class Answer(http.server.BaseHTTPRequestHandler):
    server: Repository

    def do_GET(self) -> None:
        name = self.path.removeprefix("/maven2/")
        self.server.asked.append(name)
        content = self.server.files.get(name)
        if content is None:
            self.send_error(404)
            return
        if self.server.spoiled:
            self.server.spoiled -= 1
            content = content[:-1]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's name
        """Tests say what they saw."""


@pytest.fixture
def repository() -> Iterator[Repository]:
    with Repository() as server:
        thread = threading.Thread(target=functools.partial(server.serve_forever, 0.01))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


async def fetch(repository: Repository, folder: Path, *jars: Jar) -> dict[str, str]:
    return await download_jars(jars, folder, repository.url, lambda *_: None)


async def test_a_jar_is_fetched_and_its_sum_returned(
    repository: Repository, tmp_path: Path
) -> None:
    repository.files["g/a.jar"] = CONTENT
    assert await fetch(repository, tmp_path, Jar("g/a.jar", SHA256)) == {"a.jar": SHA256}
    assert (tmp_path / "a.jar").read_bytes() == CONTENT


async def test_a_broken_answer_is_asked_for_again(repository: Repository, tmp_path: Path) -> None:
    repository.files["g/a.jar"] = CONTENT
    repository.spoiled = 2
    await fetch(repository, tmp_path, Jar("g/a.jar", SHA256))
    assert (tmp_path / "a.jar").read_bytes() == CONTENT
    assert len(repository.asked) == 3


async def test_what_stays_broken_is_an_error_and_no_file(
    repository: Repository, tmp_path: Path
) -> None:
    repository.files["g/a.jar"] = CONTENT
    repository.spoiled = 99
    with pytest.raises(DownloadError, match=r"g/a\.jar could not be downloaded: .*wrong checksum"):
        await fetch(repository, tmp_path, Jar("g/a.jar", SHA256))
    assert not (tmp_path / "a.jar").exists()


async def test_a_missing_jar_is_an_error(repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="404"):
        await fetch(repository, tmp_path, Jar("g/a.jar", SHA256))


async def test_an_unknown_jar_is_checked_against_the_repositorys_sum(
    repository: Repository, tmp_path: Path
) -> None:
    repository.files |= {"g/a.jar": CONTENT, "g/a.jar.sha1": f"{SHA1}  a.jar\n".encode()}
    assert await fetch(repository, tmp_path, Jar("g/a.jar", None)) == {"a.jar": SHA256}


async def test_an_interrupted_download_goes_on_where_it_was(
    repository: Repository, tmp_path: Path
) -> None:
    (tmp_path / "a.jar").write_bytes(CONTENT)
    (tmp_path / "b.jar").write_bytes(CONTENT[:2])
    repository.files |= {"g/a.jar": CONTENT, "g/b.jar": CONTENT}
    await fetch(repository, tmp_path, Jar("g/a.jar", SHA256), Jar("g/b.jar", SHA256))
    assert repository.asked == ["g/b.jar"]
    assert (tmp_path / "b.jar").read_bytes() == CONTENT


async def test_a_complete_cache_asks_nobody(repository: Repository, tmp_path: Path) -> None:
    folder = tmp_path / "hadoop-9.9.9"
    folder.mkdir()
    (folder / "a.jar").write_bytes(CONTENT)
    (folder / MANIFEST).write_text(format_sums({"a.jar": SHA256}))
    reports: list[str] = []
    found = await provide_jars(
        "9.9.9", tmp_path, repository=repository.url, report=lambda what, *_: reports.append(what)
    )
    assert (found, repository.asked, reports) == (folder, [], [])


@pytest.mark.parametrize("damage", ["changed", "missing", "no manifest"])
def test_damage_is_noticed(tmp_path: Path, damage: str) -> None:
    (tmp_path / "a.jar").write_bytes(CONTENT)
    (tmp_path / MANIFEST).write_text(format_sums({"a.jar": SHA256}))
    assert is_complete(tmp_path)
    match damage:
        case "changed":
            (tmp_path / "a.jar").write_bytes(b"b jar")
        case "missing":
            (tmp_path / "a.jar").unlink()
        case _:
            (tmp_path / MANIFEST).unlink()
    assert not is_complete(tmp_path)


def test_a_cache_of_other_jars_is_not_complete(tmp_path: Path) -> None:
    (tmp_path / "a.jar").write_bytes(CONTENT)
    (tmp_path / MANIFEST).write_text(format_sums({"a.jar": SHA256}))
    assert is_complete(tmp_path, [Jar("g/a.jar", SHA256)])
    assert not is_complete(tmp_path, [Jar("g/a.jar", SHA256), Jar("g/b.jar", SHA256)])


async def test_a_damaged_cache_is_repaired(repository: Repository, tmp_path: Path) -> None:
    """Of a tested version: its jars are known, so that only the repository is replaced."""
    version = TESTED_VERSIONS[0]
    folder = tmp_path / cache_name(version, read_known_jars(version))
    folder.mkdir()
    (folder / "left-over.jar").touch()
    with pytest.raises(DownloadError, match="404"):
        await provide_jars(version, tmp_path, repository=repository.url, report=lambda *_: None)
    assert not folder.exists()
    known = {jar.path for jar in read_known_jars(version) or ()}
    assert set(repository.asked) <= known


def test_who_knows_other_jars_leaves_ours_alone() -> None:
    one, other = Jar("a/1/a-1.jar", "f" * 64), Jar("b/1/b-1.jar", "0" * 64)
    assert cache_name("3.4.2", [one]) == cache_name("3.4.2", [one])
    assert cache_name("3.4.2", [one]) != cache_name("3.4.2", [one, other])
    assert cache_name("9.9.9", None) == "hadoop-9.9.9"


@pytest.mark.parametrize("version", [*TESTED_VERSIONS, "2.10.2", "3.1.4", "3.2.4", "3.4.3"])
def test_the_jars_of_tested_versions_are_known(version: str) -> None:
    jars = read_known_jars(version)
    assert jars is not None
    assert len({jar.name for jar in jars}) == len(jars) > 100
    assert all(jar.sha256 is not None and len(jar.sha256) == 64 for jar in jars)
    assert f"hadoop-yarn-client-{version}.jar" in {jar.name for jar in jars}


def test_a_table_is_read_as_it_was_written() -> None:
    table = {
        Jar("a/1/a-1.jar", "f" * 64): {"3.3.6", "3.4.2"},
        Jar("b/1/b-1.jar", "0" * 64): {"3.5.0"},
    }
    assert parse_table(format_table(table)) == table


def test_other_versions_are_not_known() -> None:
    assert read_known_jars("9.9.9") is None


async def test_two_at_once_wait_for_each_other(tmp_path: Path) -> None:
    inside: list[int] = []

    async def hold() -> None:
        async with file_lock(tmp_path / "lock", deadline=10):
            inside.append(1)
            assert len(inside) == 1
            await asyncio.sleep(0)
            inside.pop()

    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(hold())


async def test_waiting_for_the_other_has_an_end(tmp_path: Path) -> None:
    async with file_lock(tmp_path / "lock", deadline=1):
        with pytest.raises(DeadlineExceededError, match="another process still holds"):
            async with file_lock(tmp_path / "lock", deadline=0):
                pytest.fail("both hold the lock")
