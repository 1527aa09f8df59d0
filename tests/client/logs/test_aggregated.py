from __future__ import annotations

import asyncio
import secrets
import threading
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any

import pytest

from client.logs.aggregated_logs import (
    application,
    open_below,
    place,
    properties,
    run_application,
)
from yarn.logs.recorded import CONTENT, FILES, NUMBERS
from yarnhub.base.errors import (
    AccessDeniedError,
    ApplicationNotFoundError,
    ConfigurationError,
    RemoteProtocolError,
)
from yarnhub.client.access.settings import Settings
from yarnhub.client.logs import aggregated
from yarnhub.client.logs.aggregated import LogsNotReadyError, find_logs, read_log
from yarnhub.client.logs.application import ApplicationLogs
from yarnhub.client.logs.selection import LogSelection
from yarnhub.filesystem.local import LocalFileSystem
from yarnhub.filesystem.open import open_file_system
from yarnhub.hadoop.conf import Configuration
from yarnhub.hadoop.ipc.options import RpcOptions
from yarnhub.hadoop.security.users import SimpleUser
from yarnhub.yarn.logs.aggregated_file import read_index
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from yarnhub.client.logs.aggregated import AggregatedLog
    from yarnhub.cluster import HadoopCluster
    from yarnhub.filesystem.port import FileSystem
    from yarnhub.hadoop.conf import Properties
    from yarnhub.yarn.logs.entry import LogEntry
    from yarnhub.yarn.logs.source import Step
    from yarnhub.yarn.records.applications import ApplicationReport


async def read(
    fs: FileSystem, configuration: Properties, app: ApplicationId, user: str = "alice"
) -> dict[tuple[str, str], bytes]:
    found: dict[tuple[str, str], bytes] = {}
    for log in await find_logs(fs, configuration, app, user):
        async for chunk in read_log(fs, log):
            key = (str(chunk.file.container_id), chunk.file.name)
            assert chunk.offset == len(found.get(key, b""))
            found[key] = found.get(key, b"") + chunk.data
    return found


@pytest.mark.parametrize("name", list(FILES))
async def test_all_logs_container_by_container(tmp_path: Path, name: str) -> None:
    place(tmp_path, name)
    found = await read(LocalFileSystem(), properties(tmp_path), application(name))
    prefix = f"container_1795244559535_{NUMBERS[name]:04d}"
    assert list(found) == [
        (f"{prefix}_{attempt}_000001", log) for attempt in ("01", "02") for log in sorted(CONTENT)
    ]
    assert all(data == CONTENT[log] for (_, log), data in found.items())


@pytest.mark.parametrize("name", list(FILES))
async def test_a_log_from_each_byte_on(tmp_path: Path, name: str) -> None:
    place(tmp_path, name)
    fs, app = LocalFileSystem(), application(name)
    *_, log = [
        log
        for log in await find_logs(fs, properties(tmp_path), app, "alice")
        if log.file.name == "numbers.log"
    ]
    assert (log.file.node, log.file.container_id.app_attempt_id.attempt_id) == (
        "localhost_18041",
        2,
    )
    for start in (0, 1, 500, log.file.length - 1, log.file.length):
        chunks = [chunk async for chunk in read_log(fs, log, start)]
        assert chunks[0].offset == start
        assert b"".join(chunk.data for chunk in chunks) == CONTENT["numbers.log"][start:]


@pytest.mark.parametrize("name", list(FILES))
async def test_a_long_index_is_read_in_a_thread(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = set()

    def parser(size: int) -> Step[list[LogEntry]]:
        parsing = read_index(size)
        need = next(parsing)
        while True:
            data = yield need
            threads.add(threading.get_ident())
            try:
                need = parsing.send(data)
            except StopIteration as done:
                entries: list[LogEntry] = done.value
                return entries

    place(tmp_path, name)
    monkeypatch.setattr(aggregated, "read_index", parser)
    monkeypatch.setattr(aggregated, "_LONG_INDEX", 0)
    found = await find_logs(LocalFileSystem(), properties(tmp_path), application(name), "alice")
    assert len(found) == 2 * len(CONTENT)
    assert threading.get_ident() not in threads


async def test_the_directory_of_older_hadoop(tmp_path: Path) -> None:
    new = place(tmp_path, "tfile-none")
    old = tmp_path / "alice" / "logs" / new.name
    old.parent.mkdir()
    new.rename(old)
    found = await find_logs(
        LocalFileSystem(), properties(tmp_path), application("tfile-none"), "alice"
    )
    assert len(found) == 2 * len(CONTENT)


async def test_several_nodes_are_merged(tmp_path: Path) -> None:
    place(tmp_path, "tfile-none", node="a_1")
    place(tmp_path, "tfile-none", node="b_1")
    found = await find_logs(
        LocalFileSystem(), properties(tmp_path), application("tfile-none"), "alice"
    )
    assert [(log.file.name, log.file.node) for log in found[:4]] == [
        ("empty", "a_1"), ("empty", "b_1"), ("numbers.log", "a_1"), ("numbers.log", "b_1"),
    ]  # fmt: skip


async def test_leaving_early_closes_the_file(tmp_path: Path) -> None:
    place(tmp_path, "tfile-none")
    fs = LocalFileSystem()
    found = await find_logs(fs, properties(tmp_path), application("tfile-none"), "alice")
    log = next(each for each in found if each.file.name == "numbers.log")
    async with aclosing(read_log(fs, log)) as chunks:
        async for _ in chunks:
            assert open_below(tmp_path)
            break
    assert open_below(tmp_path) == []


async def test_nothing_there_yet(tmp_path: Path) -> None:
    fs, app = LocalFileSystem(), application("tfile-none")
    with pytest.raises(LogsNotReadyError, match=f"the logs of {app}.*were not found"):
        await find_logs(fs, properties(tmp_path), app, "alice")
    folder = place(tmp_path, "tfile-none")
    (folder / "localhost_18041").rename(folder / "localhost_18041.tmp")
    with pytest.raises(LogsNotReadyError, match="are being uploaded") as caught:
        await find_logs(fs, properties(tmp_path), app, "alice")
    assert caught.value.retriable


async def test_aggregation_is_off(tmp_path: Path) -> None:
    off = properties(tmp_path) | {"yarn.log-aggregation-enable": "false"}
    with pytest.raises(ConfigurationError, match=r"yarn.log-aggregation-enable is not true"):
        await find_logs(LocalFileSystem(), off, application("tfile-none"), "alice")
    # What a client's configuration does not say, the cluster may do all the same.
    place(tmp_path, "tfile-none")
    assert await find_logs(LocalFileSystem(), off, application("tfile-none"), "alice")


class Forgetful:
    """A ResourceManager that has forgotten all applications."""

    async def application_report(self, application_id: ApplicationId) -> ApplicationReport:
        raise ApplicationNotFoundError("org.apache.X", f"{application_id} doesn't exist in RM")


def forgotten(root: Path, user: str, app: ApplicationId) -> ApplicationLogs:
    configuration = Configuration({**properties(root), "fs.defaultFS": "file:///"})
    settings = Settings(
        configuration=configuration,
        user=SimpleUser(user),
        user_name=user,
        config_folder=root,
        cache_folder=root,
        language="C",
        options=RpcOptions(),
    )
    client: Any = Forgetful()  # the part of it that is asked
    return ApplicationLogs(client, settings, app, LogSelection(), lambda _: None)


@pytest.mark.parametrize("user", ["alice", "admin"])
@pytest.mark.parametrize("how", ["read", "follow"])
async def test_logs_of_an_application_that_the_resource_manager_has_forgotten(
    tmp_path: Path, user: str, how: str
) -> None:
    for number in range(70):
        (tmp_path / f"a{number}").mkdir()  # those of others
    place(tmp_path, "tfile-none")
    logs = forgotten(tmp_path, user, application("tfile-none"))
    found = b""
    async with aclosing(getattr(logs, how)()) as chunks:
        async for chunk in chunks:
            found += chunk.data
    assert CONTENT["stdout"] in found
    assert {file.name for file in await logs.files()} >= {"stdout"}


async def test_an_application_that_nobody_knows(tmp_path: Path) -> None:
    place(tmp_path, "tfile-none")
    logs = forgotten(tmp_path, "alice", ApplicationId(id=1, cluster_timestamp=1))
    with pytest.raises(ApplicationNotFoundError, match="application_1_0001 doesn't exist"):
        await logs.files()
    with pytest.raises(ApplicationNotFoundError):
        await forgotten(tmp_path / "none", "a", ApplicationId(id=1, cluster_timestamp=1)).files()


async def test_an_archive(tmp_path: Path) -> None:
    folder = place(tmp_path, "tfile-none")
    (folder / "localhost_18041").rename(folder / f"{folder.name}.har")
    with pytest.raises(ConfigurationError, match=r"archive \(\.har\)"):
        await find_logs(LocalFileSystem(), properties(tmp_path), application("tfile-none"), "alice")


async def test_damage_names_the_file(tmp_path: Path) -> None:
    place(tmp_path, "tfile-none", data=FILES["tfile-none"][:-1])
    with pytest.raises(RemoteProtocolError, match=r"localhost_18041: .*not a complete TFile or"):
        await find_logs(LocalFileSystem(), properties(tmp_path), application("tfile-none"), "alice")


# -- on a real cluster


@pytest.mark.cluster
async def test_logs_that_a_node_manager_aggregated(hadoop_cluster: HadoopCluster) -> None:
    configuration = Configuration.load(hadoop_cluster.conf_dir)
    word = secrets.token_hex(8)
    app = await run_application(
        hadoop_cluster,
        f"echo {word} > <LOG_DIR>/stdout; head -c 100000000 /dev/zero > <LOG_DIR>/big; exit 1",
    )
    async with open_file_system("", configuration, SimpleUser("alice")) as fs:
        logs: Sequence[AggregatedLog] = []
        async with asyncio.timeout(90):
            while not logs:
                with suppress(LogsNotReadyError):
                    logs = await find_logs(fs, configuration, app, "alice")
                # Nothing tells a client when a NodeManager is done: it has to look.
                await asyncio.sleep(0.2)
        assert {"stdout", "big"} <= {log.file.name for log in logs}
        sizes: dict[str, int] = {}
        for log in logs:
            async for chunk in read_log(fs, log):
                sizes[chunk.file.name] = sizes.get(chunk.file.name, 0) + len(chunk.data)
                if chunk.file.name == "stdout":
                    assert chunk.data == f"{word}\n".encode()
        assert sizes == {log.file.name: log.file.length for log in logs}
        assert sizes["big"] == 100_000_000
    async with open_file_system("", configuration, SimpleUser("bob")) as fs:
        with pytest.raises(AccessDeniedError, match=r"/logs/alice.*user=bob"):
            await find_logs(fs, configuration, app, "alice")
