"""Applications that this process or another one holds."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yarnhub.base.units import MiB, VCores
from yarnhub.client.client import Client
from yarnhub.spec import ApplicationSpec, Resources, Service
from yarnhub.unmanaged import UnmanagedApplications
from yarnhub.yarn.records.applications import YarnApplicationState
from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnhub.client.access.settings import Settings
    from yarnhub.control.messages import ContainerState, ServiceContainer

RESOURCES = Resources(memory=MiB(64), vcores=VCores(1))


def spec(script: str = "sleep 100", **changes: Any) -> ApplicationSpec:
    service = Service(resources=RESOURCES, script=script, files=changes.pop("files", {}))
    return ApplicationSpec(**{"name": "unmanaged", "services": {"s": service}, **changes})


def hold(settings: Settings, tmp_path: Path) -> UnmanagedApplications:
    return UnmanagedApplications(settings, folder=tmp_path / "held", host="localhost")


async def kill_all(applications: UnmanagedApplications) -> None:
    async with asyncio.TaskGroup() as group:
        for application in list(applications.values()):
            group.create_task(application.kill())


async def alive(settings: Settings, user: str = "") -> set[str]:
    """The ids of the applications that YARN runs or will run."""
    states = [state for state in YarnApplicationState if not state.ended]
    async with Client(settings.acting_for(user)) as client:
        found = await client.applications(GetApplicationsRequest(application_states=tuple(states)))
    return {str(report.application_id) for report in found}


HOLDER = Path(__file__).with_name("holder.py")


class Holder:
    """The process, and what it holds."""

    def __init__(self, folder: Path, env: dict[str, str], specs: Sequence[ApplicationSpec]) -> None:
        documents = [json.dumps(spec.to_dict()) for spec in specs]
        self.process = subprocess.Popen(
            [sys.executable, HOLDER, folder, *documents],
            env=env,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.lines = iter(self.process.stdout)
        self.ids = [next(self.lines).strip() for _ in specs]
        assert next(self.lines) == "holding\n"

    def kill(self) -> None:
        with self.process:
            self.process.kill()


def seen(containers: Sequence[ServiceContainer]) -> list[tuple[str, ContainerState, str]]:
    return [(each.id, each.state, each.yarn_container_id) for each in containers]
