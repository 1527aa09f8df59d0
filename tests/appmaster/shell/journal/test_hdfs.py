"""The journal in a real HDFS."""

from __future__ import annotations

import itertools
import secrets
from typing import TYPE_CHECKING

import pytest

from appmaster.shell.journal.contract import LARGE, JournalContract, Opened
from yarnhub.appmaster.shell.journal.hdfs import HdfsJournal
from yarnhub.base.errors import YarnhubError
from yarnhub.filesystem.open import open_file_system
from yarnhub.filesystem.webhdfs import WebHdfsFileSystem
from yarnhub.hadoop.conf import Configuration
from yarnhub.hadoop.security.users import SimpleUser

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from yarnhub.cluster import HadoopCluster

pytestmark = pytest.mark.cluster


@pytest.fixture
async def opened(hadoop_cluster: HadoopCluster) -> AsyncIterator[Opened]:
    attempts = itertools.count(1)
    folder = f"/user/alice/journal-{secrets.token_hex(4)}"
    configuration = Configuration.load(hadoop_cluster.conf_dir)
    async with open_file_system("", configuration, SimpleUser("alice")) as file_system:
        assert isinstance(file_system, WebHdfsFileSystem)
        yield lambda: HdfsJournal(file_system, folder, next(attempts))
        await file_system.delete(folder, recursive=True)


class TestHdfsJournal(JournalContract):
    @pytest.mark.parametrize("change", [b"small", LARGE])
    async def test_an_attempt_that_was_replaced_writes_no_more(
        self, opened: Opened, change: bytes
    ) -> None:
        first = opened()
        await first.load()
        await first.append([b"a"])
        second = opened()
        assert await second.load() == [b"a"]
        with pytest.raises(YarnhubError):
            await first.append([change])
        assert await opened().load() == [b"a"]

    async def test_what_was_being_written_at_a_kill_is_no_part_of_it(
        self, opened: Opened, hadoop_cluster: HadoopCluster
    ) -> None:
        first = opened()
        await first.load()
        await first.append([b"a"])
        await first.append([LARGE])
        assert isinstance(first, HdfsJournal)
        configuration = Configuration.load(hadoop_cluster.conf_dir)
        async with open_file_system("", configuration, SimpleUser("alice")) as file_system:
            left = f"{first.folder}/.00000003.large.0123abcd._COPYING_"
            await file_system.make_directory(left, 0o700)
            await file_system.write(f"{left}/content", b"half")
        second = opened()
        assert await second.load() == [b"a", LARGE]
        await second.compact(b"snapshot")
        await second.append([b"b"])
        assert await opened().load() == [b"snapshot", b"b"]
