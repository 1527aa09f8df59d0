"""Environments that are built in containers of a real cluster: `yarnhub env create`."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import secrets
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.walk import eventually
from environments.archives import run, unpack
from environments.cluster_build.builds import SECONDS, Builder
from environments.index_server import HangingIndex
from environments.wheels import wheel
from faults.spark_kernels import of_application
from yarnhub.base.tasks import task_group
from yarnhub.base.units import MiB, VCores
from yarnhub.client.client import Client
from yarnhub.client.files.file_systems import user_file_system
from yarnhub.environments.cluster_build.report import BuildState
from yarnhub.environments.errors import BuildRunningError, EnvironmentNotFoundError
from yarnhub.environments.local_build.site import BuildSite
from yarnhub.environments.specification import EnvironmentSpec
from yarnhub.spec import ApplicationSpec, Resources, Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from yarnhub.cluster import HadoopCluster
    from yarnhub.spec import File
    from yarnhub.yarn.records.ids import ApplicationId

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(3 * SECONDS)]

PASSWORD = "hunter2-of-this-test"
NOBODY = "http://127.0.0.1:9/simple"
"""An index that nobody serves."""


@pytest.fixture
def public_wheels() -> Iterator[Path]:
    """A folder for wheels that other users can read, which pytest's own folders are not."""
    folder = Path(tempfile.mkdtemp(prefix="yarnhub-test-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def new_builder(
    public_wheels: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[HadoopCluster], Builder]:
    def new(cluster: HadoopCluster) -> Builder:
        if cluster.options.kerberos:
            monkeypatch.setenv("KRB5_CONFIG", cluster.env["KRB5_CONFIG"])
        return Builder(cluster, tmp_path, public_wheels, cache)

    return new


@pytest.fixture
def alice(hadoop_cluster: HadoopCluster, new_builder: Callable[..., Builder]) -> Builder:
    return new_builder(hadoop_cluster)


@pytest.fixture
def hanging() -> Iterator[HangingIndex]:
    """An index that keeps a build waiting as long as a test wants."""
    with HangingIndex().serving() as index:
        yield index


def waiting_site(alice: Builder, index: HangingIndex) -> Path:
    """The site of a hanging index, with credentials."""
    netrc = alice.folder / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login alice password {PASSWORD}\n")
    netrc.chmod(0o600)
    return alice.site(index_url=index.url, netrc=str(netrc))


async def ended(alice: Builder, name: str) -> tuple[BuildState, str, ApplicationId]:
    """How the newest build of an environment ended."""
    async with asyncio.timeout(SECONDS), alice.sessions() as sessions:
        build = await sessions.find(name)
        assert build is not None
        *_, last = [each async for each in sessions.follow(build)]
        return last.state, last.reason, build.application_id


def unpublished(alice: Builder, name: str) -> None:
    """Nobody finds an environment, or a part of it."""
    with pytest.raises(EnvironmentNotFoundError):
        asyncio.run(alice.find(name))
    assert not [each for each in asyncio.run(alice.tree()) if ".partial" in each]


@pytest.mark.parametrize("kind", ["hadoop_cluster", "kerberos_cluster"])
def test_an_environment_is_created_once(
    kind: str,
    request: pytest.FixtureRequest,
    new_builder: Callable[[HadoopCluster], Builder],
    tmp_path: Path,
) -> None:
    alice = new_builder(request.getfixturevalue(kind))
    name = f"table-{secrets.token_hex(4)}"  # a cluster of a developer keeps what was published
    wheel(alice.wheels, "table", requires=["chair"])
    wheel(alice.wheels, "chair", "2.0")
    specification, site = alice.specification(name, pip=["table"]), alice.site()
    first = alice.run(alice.creation(specification, site))
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith(f"Published: {name}, version 1\n")
    steps = [line.partition(":")[0] for line in first.stderr.splitlines()]
    assert "waiting" in steps
    assert {"install", "compile", "pack", "publish"} & set(steps)

    found = asyncio.run(alice.find(name))
    assert (found.owner, found.current.number) == ("alice", 1)
    assert found.manifest.packages == {"chair": "2.0", "table": "1.0"}
    moved = unpack(asyncio.run(downloaded(alice, found.url)), tmp_path / "moved")
    assert run(moved, "import chair; print(chair.v)", tmp_path) == "2.0"
    assert "imported 2.0" in asyncio.run(printed(alice, found.file()))

    log = alice.run(alice.command("logs", name))
    assert log.returncode == 0, log.stderr
    assert "lock: 2 of 2" in log.stdout
    assert "install: + chair==2.0" in log.stdout
    before = asyncio.run(alice.tree(found.folder))
    again = alice.run(alice.creation(specification, site, "--json"))
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["name"] == name
    assert f"{name} has not changed since version 1, which is current." in again.stderr
    after = asyncio.run(alice.tree(found.folder))
    assert {each: after[each] for each in before if each.endswith(".tar.gz")} == {
        each: time for each, time in before.items() if each.endswith(".tar.gz")
    }
    assert set(after) == set(before)


async def downloaded(alice: Builder, url: str) -> Path:
    path = alice.folder / "environment.tar.gz"
    async with (
        user_file_system(alice.settings) as file_system,
        contextlib.aclosing(file_system.read(url)) as chunks,
    ):
        content = [chunk async for chunk in chunks]
    await asyncio.to_thread(path.write_bytes, b"".join(content))
    return path


async def printed(alice: Builder, file: File) -> str:
    """What a program prints that runs in a container with the environment."""
    program = "import chair; print('imported', chair.v)"
    service = Service(
        resources=Resources(memory=MiB(256), vcores=VCores(1)),
        script=f'environment/bin/python3 -c "{program}"',
        files={"environment": file},
    )
    async with Client(alice.settings) as client:
        number = await client.submit(ApplicationSpec(name="check", services={"check": service}))
        await client.wait(number, deadline=SECONDS)
        async with contextlib.aclosing(client.logs(number)) as chunks:
            return b"".join([chunk.data async for chunk in chunks]).decode()


@pytest.mark.parametrize(
    ("keys", "site", "step", "words"),
    [
        ({"pip": ["table>=2"]}, {}, "lock", "your requirements are unsatisfiable"),
        ({"lock": f"table==1.0 --hash=sha256:{64 * '0'}"}, {}, "install", "Hash mismatch"),
        ({"pip": ["table"]}, {"index_url": NOBODY}, "lock", "url (http://127.0.0.1:9/"),
    ],
    ids=["conflict", "hash", "index"],
)
def test_a_build_that_fails_ends_with_the_words_of_uv(
    alice: Builder, keys: dict[str, object], site: dict[str, object], step: str, words: str
) -> None:
    wheel(alice.wheels, "table")
    specification = alice.specification("failing", **keys)
    done = alice.run(alice.creation(specification, alice.site(**site)))
    assert done.returncode == 1
    shown = " ".join(done.stderr.split())
    assert f"Error in the step {step}: " in shown
    assert words in shown
    assert "The log: yarnhub env logs failing" in shown
    # Long afterwards, YARN has them for who has not followed it.
    state, reason, _ = asyncio.run(ended(alice, "failing"))
    assert state is BuildState.FAILED
    assert words in " ".join(reason.split())
    unpublished(alice, "failing")


def test_a_build_is_found_and_canceled_by_another_process(
    alice: Builder, hanging: HangingIndex
) -> None:
    specification = alice.specification("slow", pip=["numpy"])
    site = waiting_site(alice, hanging)
    started = alice.run(alice.creation(specification, site, "--detach"))
    assert started.returncode == 0, started.stderr
    assert hanging.asked.wait(SECONDS)
    number = started.stdout.strip()
    check_nothing_has_the_password(alice, hanging, number)

    second = alice.run(alice.creation(specification, site))
    assert second.returncode == 1
    assert f"a build of slow is running ({number})" in second.stderr

    canceled = alice.run(alice.command("cancel", "slow"))
    assert (canceled.returncode, canceled.stdout) == (0, "Canceled the build of slow\n")
    state, reason, application = asyncio.run(ended(alice, "slow"))
    assert (state, str(application)) == (BuildState.KILLED, number)
    assert "Canceled by alice." in reason
    eventually(lambda: not of_application(number), "its processes end", deadline=60)
    unpublished(alice, "slow")

    again = alice.run(alice.command("cancel", "slow"))
    assert again.stdout == "The newest build of slow has already ended\n"
    log = alice.run(alice.command("logs", "slow"))
    assert "lock: started" in log.stdout
    assert PASSWORD not in log.stdout


def check_nothing_has_the_password(alice: Builder, index: HangingIndex, number: str) -> None:
    """It has arrived at the index, and nobody else can see it."""
    sent = base64.b64encode(f"alice:{PASSWORD}".encode()).decode()
    assert index.credentials[0] == f"Basic {sent}"
    processes = of_application(number)
    assert processes
    for pid, command in processes.items():
        assert PASSWORD not in command
        with contextlib.suppress(OSError):  # it has ended meanwhile
            assert PASSWORD.encode() not in Path(f"/proc/{pid}/environ").read_bytes()
    assert PASSWORD not in asyncio.run(uploads(alice, number))


async def uploads(alice: Builder, number: str) -> str:
    """All that was uploaded for an application, which only its user can read."""
    found = []
    async with user_file_system(alice.settings) as file_system:
        for path in await alice.tree(f"{await file_system.home()}/.skein/{number}"):
            status = await file_system.status(path)
            assert status is not None
            assert status.permission & 0o077 == 0
            if not status.is_directory:
                async with contextlib.aclosing(file_system.read(path)) as chunks:
                    found += [chunk async for chunk in chunks]
    assert found
    return b"".join(found).decode(errors="replace")


def test_ctrl_c_cancels_the_build(alice: Builder, hanging: HangingIndex) -> None:
    specification = alice.specification("interrupted", pip=["numpy"])
    command = alice.creation(specification, waiting_site(alice, hanging))
    with subprocess.Popen(command, env=alice.env, stderr=subprocess.PIPE, text=True) as process:
        assert hanging.asked.wait(SECONDS)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 130
    assert "Canceling the build; press Ctrl-C again to let it continue" in said
    state, _, number = asyncio.run(ended(alice, "interrupted"))
    assert state is BuildState.KILLED
    eventually(lambda: not of_application(str(number)), "its processes end", deadline=60)
    unpublished(alice, "interrupted")


async def test_cancelling_who_follows_leaves_the_build_running(
    alice: Builder, hanging: HangingIndex
) -> None:
    site = BuildSite.from_dict(json.loads(waiting_site(alice, hanging).read_text()))
    specification = EnvironmentSpec.from_dict({"name": "followed", "pip": ["numpy"]})
    async with asyncio.timeout(SECONDS), alice.sessions() as sessions:
        build = await sessions.start(specification, site)
        with pytest.raises(BuildRunningError):
            await sessions.start(specification, site)
        async with task_group() as group:
            follower = group.create_task(ended(alice, "followed"))
            await asyncio.to_thread(hanging.asked.wait, SECONDS)
            follower.cancel()
        states = []
        async for each in sessions.follow(build):
            states.append(each.state)
            if each.state is BuildState.RUNNING:
                await sessions.cancel(build)
        assert states[-1] is BuildState.KILLED
