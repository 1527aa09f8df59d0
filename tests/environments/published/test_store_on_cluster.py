"""Environments in a real HDFS, and in containers of those they are shared with."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from environments.published.stores import built, packed, spec
from yarnhub.base.errors import AccessDeniedError
from yarnhub.client.access.credentials import Credentials
from yarnhub.client.access.settings import Settings
from yarnhub.client.client import Client
from yarnhub.client.files.file_systems import user_file_system
from yarnhub.environments.errors import EnvironmentInUseError, EnvironmentNotFoundError
from yarnhub.environments.published.publication import StoreLimits
from yarnhub.environments.published.store import EnvironmentStore
from yarnhub.environments.published.usage import applications_using, tag
from yarnhub.environments.published.user_store import user_store
from yarnhub.environments.specification import Access
from yarnhub.spec import ApplicationSpec, FileVisibility
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster
    from yarnhub.environments.published.environment import PublishedEnvironment

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

DAY = 24 * 3600


class User:
    """A user of the cluster."""

    def __init__(self, cluster: HadoopCluster, name: str, folder: Path, root: str) -> None:
        self.name = name
        self.root = root
        self.folder = folder / name
        self.folder.mkdir()
        self.env = {**cluster.env, "SKEIN_CONFIG": str(self.folder / "skein")}
        if cluster.options.kerberos:
            self.env["KRB5CCNAME"] = str(self.folder / "ticket")
            asyncio.run(cluster.kinit(name, self.folder / "ticket"))
        elif name != "hdfs":
            self.env["HADOOP_USER_NAME"] = name
        self.settings = Settings.from_environment(self.env)

    def store(self) -> contextlib.AbstractAsyncContextManager[EnvironmentStore]:
        return user_store(self.settings, self.root)

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        async with Client(self.settings, Credentials.generate()) as client:
            yield client

    def start(self, *words: str | Path) -> subprocess.Popen[str]:
        """Start `yarnhub env`."""
        return subprocess.Popen(
            [sys.executable, "-m", "yarnhub.cli.main", "env", *words, "--root", self.root],
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str | Path) -> str:
        """The output of `yarnhub env`, which succeeds."""
        process = self.start(*words)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        return out

    def fails(self, *words: str | Path) -> str:
        """The errors of `yarnhub env`, which fails."""
        process = self.start(*words)
        _, err = process.communicate(timeout=120)
        assert process.returncode == 1, err
        return err

    async def left(self) -> list[str]:
        """Folders of the root that are not environments."""
        async with user_file_system(self.settings) as file_system:
            names = [each.path.rpartition("/")[2] for each in await file_system.list(self.root)]
        return [name for name in names if name.startswith(".")]


@pytest.fixture(params=["hadoop_cluster", "kerberos_cluster"])
def cluster(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> HadoopCluster:
    found: HadoopCluster = request.getfixturevalue(request.param)
    if found.options.kerberos:
        monkeypatch.setenv("KRB5_CONFIG", found.env["KRB5_CONFIG"])  # GSSAPI reads it itself
    return found


@pytest.fixture
def root(cluster: HadoopCluster, tmp_path: Path) -> Iterator[str]:
    """A folder as an administrator makes it."""
    root = f"/tmp-environments-{secrets.token_hex(4)}"
    administrator = User(cluster, "hdfs", tmp_path, root)

    async def make() -> None:
        async with user_file_system(administrator.settings) as file_system:
            await file_system.make_directory(root, 0o1777)

    async def delete() -> None:
        async with user_file_system(administrator.settings) as file_system:
            await file_system.delete(root, recursive=True)

    asyncio.run(make())
    yield root
    asyncio.run(delete())


@pytest.fixture
def alice(cluster: HadoopCluster, tmp_path: Path, root: str) -> User:
    return User(cluster, "alice", tmp_path, root)


@pytest.fixture
def bob(cluster: HadoopCluster, tmp_path: Path, root: str) -> User:
    return User(cluster, "bob", tmp_path, root)


def application(environment: PublishedEnvironment, script: str) -> ApplicationSpec:
    """One container with an environment."""
    return ApplicationSpec.from_dict(
        {
            "name": "environment",
            "tags": [tag(environment.manifest.key)],
            "services": {
                "s": {
                    "resources": {"memory": 64, "vcores": 1},
                    "files": {"environment": environment.file().to_dict()},
                    "script": script,
                }
            },
        }
    )


async def use(user: User, environment: PublishedEnvironment, version: str) -> str:
    """Run a container with a version of an environment; how its application ended."""
    script = f'test "$(cat environment/version)" = {version} && test -f environment/bin/python3'
    async with user.client() as client:
        started = await client.submit(application(environment, script))
        try:
            report = await client.wait(started, deadline=200)
        finally:
            await client.clean_up(started)
    return report.final_application_status.name


async def test_from_publishing_to_deleting(alice: User, bob: User, tmp_path: Path) -> None:
    async with alice.store() as mine, bob.store() as theirs:
        first = built(tmp_path, archive=packed(tmp_path))
        published = await mine.publish(spec(), first)
        assert published.owner == "alice"
        assert await theirs.find_all() == ()
        with pytest.raises(EnvironmentNotFoundError):
            await theirs.find("alice/table")
        async with user_file_system(bob.settings) as file_system:
            with pytest.raises(AccessDeniedError):
                await file_system.status(published.url)

        await mine.share("table", Access(users=["bob"]))
        shared = await mine.find("table")
        assert shared.access == Access(users=["bob"])
        seen = await theirs.find("alice/table")
        assert seen.file() == shared.file()
        assert seen.file().visibility is FileVisibility.PRIVATE
        assert await use(alice, shared, "1.0") == await use(bob, seen, "1.0") == "SUCCEEDED"

        # A version that is published later is shared, too.
        second = built(tmp_path, version="2.0", archive=packed(tmp_path, "2.0"))
        newer = await mine.publish(spec(), second)
        assert newer.current.number == 2
        assert await use(bob, await theirs.find("alice/table"), "2.0") == "SUCCEEDED"
        back = await mine.roll_back("table", 1)
        assert back.url == published.url
        assert (await theirs.find("alice/table")).url == published.url

        # The same key: no new version.
        again = await mine.publish(spec(), second)
        assert [each.number for each in again.versions] == [1, 2]
        assert again.current.number == 2

        await mine.share("table", Access())
        assert await theirs.find_all() == ()
        await mine.delete("table", 1)
        await mine.delete("table")
        assert await mine.find_all() == ()
    assert await alice.left() == []


async def test_shared_with_everyone_nodes_keep_one_copy(
    alice: User, bob: User, tmp_path: Path
) -> None:
    async with alice.store() as mine, bob.store() as theirs:
        given = built(tmp_path, archive=packed(tmp_path))
        published = await mine.publish(spec(access={"everyone": True}), given)
        seen = await theirs.find("alice/table")
        assert published.file().visibility is seen.file().visibility is FileVisibility.PUBLIC
        assert await use(bob, seen, "1.0") == "SUCCEEDED"
        await mine.share("table", Access())
        assert await theirs.find_all() == ()


async def test_shared_with_a_group(alice: User, bob: User, tmp_path: Path) -> None:
    """The NameNode takes groups from the operating system, where each user has one."""
    async with alice.store() as mine, bob.store() as theirs:
        await mine.publish(spec(access={"groups": ["bob"]}), built(tmp_path))
        assert (await mine.find("table")).access == Access(groups=["bob"])
        assert (await theirs.find("alice/table")).manifest.packages == {"first": "1.0"}


async def test_what_an_application_uses_is_not_deleted(
    alice: User, bob: User, tmp_path: Path
) -> None:
    async with alice.store() as mine, alice.client() as client:
        given = built(tmp_path, archive=packed(tmp_path))
        published = await mine.publish(spec(), given)
        started = await client.submit(application(published, "sleep 100"))
        try:
            assert isinstance(started, ApplicationId)

            async def in_use(environment: PublishedEnvironment) -> tuple[str, ...]:
                return await applications_using(environment, client.resource_manager)

            with pytest.raises(EnvironmentInUseError, match=f"is used by {started} of alice"):
                await mine.delete("table", in_use=in_use)
            message = await asyncio.to_thread(alice.fails, "rm", "table")
            assert f"is used by {started} of alice" in message
        finally:
            await client.kill(started)
            await client.clean_up(started)
        await mine.delete("table", in_use=in_use)


def test_by_commands(alice: User, bob: User, tmp_path: Path) -> None:
    alice.run("import", packed(tmp_path), "--name", "packed")
    assert "packed " in alice.run("ls")
    assert bob.run("ls").startswith("There are no environments")
    assert "or it is not shared with you" in bob.fails("show", "alice/packed")
    assert alice.run("share", "packed", "--user", "bob") == "packed is shared with: bob\n"
    assert "alice/packed " in bob.run("ls")
    assert "Owner: alice\nShared with: you and others\n" in bob.run("show", "alice/packed")
    assert "belongs to another user" in bob.fails("rm", "alice/packed")
    both = ("--user", "bob", "--group", "analysts")
    assert alice.run("share", "packed", *both) == "packed is shared with: bob, group analysts\n"
    alice.run("share", "packed", "--group", "analysts", "--remove")
    assert alice.run("share", "packed") == "packed is shared with: bob\n"
    alice.run("share", "packed", "--nobody")
    assert bob.run("ls").startswith("There are no environments")
    alice.run("rm", "packed")


def test_of_two_publishers_at_once_both_succeed(alice: User, tmp_path: Path) -> None:
    archives = [packed(tmp_path, version, 3 << 20) for version in ("1.0", "2.0")]
    started = [alice.start("import", each, "--name", "packed") for each in archives]
    for process in started:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    document = json.loads(alice.run("show", "packed", "--json"))
    assert [each["number"] for each in document["versions"]] == [1, 2]
    (one,) = json.loads(alice.run("ls", "--json"))
    assert one["name"] == "packed"


async def test_a_publisher_that_is_killed_leaves_nothing_of_a_version(
    alice: User, tmp_path: Path
) -> None:
    alice_archive = packed(tmp_path, size=64 << 20)
    process = alice.start("import", alice_archive, "--name", "packed")
    assert process.stderr is not None
    assert (await asyncio.to_thread(process.stderr.readline)).startswith("publish: ")
    process.send_signal(signal.SIGKILL)
    await asyncio.to_thread(process.communicate)
    async with alice.store() as store:
        assert await store.find_all() == ()
        assert (await store.survey()).damaged == ()
        (left,) = await alice.left()
        async with user_file_system(alice.settings) as file_system:
            status = await file_system.status(f"{alice.root}/{left}")
        assert status is not None
        now = status.modification_time / 1000
        assert await store.sweep(now + DAY - 60) == ()
        assert len(await store.sweep(now + DAY + 60)) == 1
        assert await alice.left() == []
        published = await store.import_archive("packed", alice_archive)
        assert published.current.number == 1


async def test_limits(alice: User, tmp_path: Path) -> None:
    async with user_file_system(alice.settings) as file_system:
        store = EnvironmentStore(
            file_system, alice.root, user="alice", limits=StoreLimits(max_size=1500)
        )
        await store.publish(spec(), built(tmp_path, size=100))
        with pytest.raises(Exception, match="the site allows"):
            await store.publish(spec(), built(tmp_path, version="2.0", size=1000))
    assert await alice.left() == []
