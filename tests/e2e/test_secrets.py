"""What a submitter gives the containers of its services, and nobody else sees."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

import pytest

from yarnhub.base.units import MiB, VCores
from yarnhub.client.access.settings import Settings
from yarnhub.client.client import Client
from yarnhub.spec import ApplicationSpec, Resources, Service
from yarnhub.unmanaged import UnmanagedApplications

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster

pytestmark = pytest.mark.cluster

SECRETS = {"password": b"open sesame"}
TELL = """\
import os, pathlib, sys
from yarnhub.client.application.container import CurrentContainer
secrets = CurrentContainer.from_environment(os.environ).secrets()
launched = pathlib.Path("launch_container.sh").read_text()
seen = secrets["password"].decode() in launched + repr(dict(os.environ))
pathlib.Path(sys.argv[1]).write_text(f"{secrets['password'].decode()} {seen}")
"""


@pytest.fixture
def settings(hadoop_cluster: HadoopCluster, tmp_path: Path) -> Settings:
    env = {**hadoop_cluster.env, "SKEIN_CONFIG": str(tmp_path / "config")}
    return Settings.from_environment(env)


@pytest.fixture
def told(tmp_path: Path) -> Path:
    return tmp_path / "told"


@pytest.fixture
def spec(told: Path) -> ApplicationSpec:
    script = shlex.join([sys.executable, "-c", TELL, str(told)])
    resources = Resources(memory=MiB(128), vcores=VCores(1))
    return ApplicationSpec(name="s", services={"s": Service(resources=resources, script=script)})


async def test_of_an_unmanaged_application(
    settings: Settings, spec: ApplicationSpec, tmp_path: Path, told: Path
) -> None:
    folder = tmp_path / "held"
    async with UnmanagedApplications(settings, folder=folder, host="localhost") as applications:
        application = await applications.submit(spec, secrets=SECRETS)
        await application.ended(deadline=60)
    assert told.read_text() == "open sesame False"


async def test_of_a_managed_application(
    settings: Settings, spec: ApplicationSpec, told: Path
) -> None:
    async with Client(settings) as client:
        application = await client.submit(spec, secrets=SECRETS)
        await client.wait(application, deadline=60)
    assert told.read_text() == "open sesame False"
