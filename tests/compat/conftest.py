"""Programs written for skein 0.8, on a cluster without Kerberos and on one with it.

Written from skein's documentation and from what its users' programs rely on. What needs a cluster
runs on both; an application is shared by all tests of a module.
"""

from __future__ import annotations

import asyncio
import getpass
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

import skein
from skein import cli as command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from yarnhub.cluster.hadoop import HadoopCluster

SLEEPER = skein.Service(resources=skein.Resources(memory=64, vcores=1), script="sleep infinity")


@dataclass(frozen=True)
class World:
    """A user at a terminal, logged in to a cluster."""

    cluster: HadoopCluster
    user: str
    folder: Path


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.cluster) for name in ("simple", "kerberos")],
)
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """The environment of this process is that of a user of each cluster."""
    secure = request.param == "kerberos"
    cluster = request.getfixturevalue("kerberos_cluster" if secure else "hadoop_cluster")
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HADOOP_CONF_DIR", str(cluster.conf_dir))
        patch.setenv("SKEIN_CONFIG", str(folder / "config"))
        patch.delenv("HADOOP_USER_NAME", raising=False)
        if secure:
            asyncio.run(cluster.kinit("alice", folder / "ticket"))
            patch.setenv("KRB5_CONFIG", cluster.variables["KRB5_CONFIG"])
            patch.setenv("KRB5CCNAME", f"FILE:{folder / 'ticket'}")
        skein.Security.new_credentials().to_directory(folder / "config")
        yield World(cluster, "alice" if secure else getpass.getuser(), folder)


@pytest.fixture(scope="module")
def client(world: World) -> Iterator[skein.Client]:
    with skein.Client() as client:
        yield client


@pytest.fixture(scope="module")
def app(client: skein.Client) -> Iterator[skein.ApplicationClient]:
    """An application with two sleepers, of which the first has been killed, and an idle service."""
    idle = skein.Service(instances=0, resources=SLEEPER.resources, script="sleep infinity")
    spec = skein.ApplicationSpec(
        name="compat",
        services={"sleeper": SLEEPER, "idle": idle},
        master=skein.Master(script="sleep infinity"),
    )
    with client.submit_and_connect(spec) as app:
        try:
            app.scale("sleeper", 2)
            app.kill_container("sleeper_0")
            app.scale("sleeper", 2)
            yield app
        finally:
            client.kill_application(app.id)


@pytest.fixture
def run(client: skein.Client) -> Iterator[Callable[[skein.ApplicationSpec], str]]:
    """Submits applications that are killed at the test's end."""
    submitted: list[str] = []

    def submit(spec: skein.ApplicationSpec) -> str:
        submitted.append(client.submit(spec))
        return submitted[-1]

    yield submit
    for app_id in submitted:
        client.kill_application(app_id)


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def skein_cli(capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """The command `skein`, in this process."""

    def run(*arguments: str) -> Done:
        with pytest.raises(SystemExit) as exited:
            command.main(arguments)
        out, err = capfd.readouterr()
        return Done(int(exited.value.code or 0), out, err)

    return run


@pytest.fixture(scope="session")
def eventually() -> Callable[[Callable[[], Any]], None]:
    def look(condition: Callable[[], Any]) -> None:
        end = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < end, "it did not happen in time"

    return look
