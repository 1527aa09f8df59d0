"""Applications on nodes without a Python of their own: the client brings its own along."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.walk import of_application
from yarnhub.base.units import MiB, VCores
from yarnhub.client.access.settings import Settings
from yarnhub.client.client import Client
from yarnhub.client.errors import ApplicationFailedError
from yarnhub.client.files.file_systems import user_file_system
from yarnhub.client.submit.runtime_archive import FOLDER
from yarnhub.cluster import HadoopCluster
from yarnhub.spec import ApplicationSpec, Master, Resources, Service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yarnhub.yarn.records.ids import ApplicationId

pytestmark = pytest.mark.cluster

RESOURCES = Resources(memory=MiB(64), vcores=VCores(1))


@pytest.fixture(scope="module")
def path() -> Iterator[str]:
    """What is on the PATH of a node without Python."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        for program in Path("/usr/bin").iterdir():
            if "python" not in program.name:
                Path(folder, program.name).symlink_to(program)
        yield folder


@pytest.fixture(scope="module")
def bare_cluster(path: str) -> Iterator[HadoopCluster]:
    """A cluster of one node, whose NodeManager gives containers a PATH without a Python."""
    # What it has on its own PATH does not count: bash has one of its own to begin with.
    site = {"yarn-site.xml": {"yarn.nodemanager.admin-env": f"PATH={path}"}}
    cluster = HadoopCluster(site=site)
    asyncio.run(cluster.start())
    try:
        yield cluster
    finally:
        asyncio.run(cluster.stop())


def specification(settings: Settings, path: str, **variables: str) -> ApplicationSpec:
    # The nodes with Kerberos have a Python, which is hidden from the AM.
    hidden = {"PATH": path} if settings.secure else {}
    return ApplicationSpec(
        master=Master(env={**hidden, **variables}),
        services={"s": Service(resources=RESOURCES, script="exec sleep 300")},
        max_attempts=1,
    )


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(params=["bare_cluster", "kerberos_cluster"])
def cluster(request: pytest.FixtureRequest) -> HadoopCluster:
    # Not in a coroutine: the fixtures run a loop of their own.
    cluster: HadoopCluster = request.getfixturevalue(request.param)
    return cluster


@pytest.fixture
async def settings(
    cluster: HadoopCluster, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    variables = {"SKEIN_CONFIG": str(tmp_path), "XDG_CACHE_HOME": str(cache)}
    if cluster.options.kerberos:
        await cluster.kinit("alice", tmp_path / "ticket")
        monkeypatch.setenv("KRB5_CONFIG", cluster.variables["KRB5_CONFIG"])
        variables["KRB5CCNAME"] = f"FILE:{tmp_path / 'ticket'}"
    return Settings.from_environment({**cluster.env, **variables})


def loaded(application: ApplicationId) -> set[str]:
    """What code the AM's process has mapped."""
    (pid,) = (
        number
        for number, (_, command, _) in of_application(str(application)).items()
        if "-IS" in command.split() and "/bin/python3" in command and "sh -c" not in command
    )
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return {line.split(maxsplit=5)[5] for line in lines if " r-xp " in line and "/" in line}


async def test_the_clients_python_runs_the_application_master(
    settings: Settings, path: str
) -> None:
    async with user_file_system(settings) as file_system:
        await file_system.delete(f"{await file_system.home()}/{FOLDER}", recursive=True)
    spec = specification(settings, path, YARNHUB_PYTHON="archive")
    uploads: list[object] = []
    async with Client(settings) as client:
        for upload in (True, False):  # the second one uploads nothing
            uploads.clear()
            application = await client.submit(spec, progress=lambda *sent: uploads.append(sent))
            assert bool(uploads) is upload
            try:
                async with await client.connect(application, deadline=60) as reached:
                    await reached.keys.put("k", b"v")
                    code = await asyncio.to_thread(loaded, application)
                assert code
                assert all("/filecache/" in path for path in code), code
                assert not any("/usercache/" in path for path in code), "all users share it"
            finally:
                await client.kill(application)


async def test_without_it_the_user_is_told_what_to_do(settings: Settings, path: str) -> None:
    async with Client(settings) as client:
        application = await client.submit(specification(settings, path))
        with pytest.raises(ApplicationFailedError, match=r"no Python 3\.11 .*or write 'archive'"):
            await client.connect(application, deadline=60)
