"""Applications with aggregated logs: recorded ones in a folder, and one that a cluster runs."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from yarn.logs.recorded import FILES, NUMBERS
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from yarnhub.cluster import HadoopCluster


def application(name: str) -> ApplicationId:
    return ApplicationId(id=NUMBERS[name], cluster_timestamp=1795244559535)


def place(root: Path, name: str, *, node: str = "localhost_18041", data: bytes = b"") -> Path:
    """Put a recorded file where a NodeManager would."""
    suffix = name.partition("-")[0]
    folder = root / "alice" / f"bucket-logs-{suffix}" / f"{NUMBERS[name]:04d}"
    folder = folder / str(application(name))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / node).write_bytes(data or FILES[name])
    return folder


def properties(root: Path) -> dict[str, str]:
    return {
        "yarn.log-aggregation-enable": "true",
        "yarn.nodemanager.remote-app-log-dir": str(root),
    }


def open_below(folder: Path) -> list[Path]:
    """The files of a folder that this process has open."""
    opened = []
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # that of the folder that is being listed
            opened.append(link.readlink())
    return [path for path in opened if path.is_relative_to(folder)]


async def run_application(cluster: HadoopCluster, command: str) -> ApplicationId:
    """Run an AM that is a shell command, by the ResourceManager's REST interface."""
    async with httpx.AsyncClient(
        base_url=f"{cluster.rm_web_url}/ws/v1/cluster", params={"user.name": "alice"}, timeout=60
    ) as http:
        app = (await http.post("/apps/new-application")).json()["application-id"]
        context = {
            "application-id": app,
            "application-name": "logs",
            "am-container-spec": {"commands": {"command": command}},
            "max-app-attempts": 1,
            "resource": {"memory": 64, "vCores": 1},
        }
        answer = await http.post("/apps", json=context)
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
    return ApplicationId.parse(app)
