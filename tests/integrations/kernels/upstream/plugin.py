"""A plug-in for the pytest that runs Jupyter's own tests: with our managers.

Each server has the configuration of `yarnhub.integrations.kernels.configure`, and the default
kernel runs in a container: a process of this machine, with our launcher and the relay.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_server.serverapp import ServerApp
from traitlets.config import Config

from kernels.processes import Cluster, ProcessKernelHolder
from unmanaged.damage import offline
from yarnhub.integrations.kernels import configure
from yarnhub.integrations.kernels.container_kernel import done
from yarnhub.integrations.kernels.kernel_manager import YarnhubKernelManager

if TYPE_CHECKING:
    from collections.abc import Iterator

EXCLUDED = Path(__file__).with_name("excluded.txt")
PROVISIONER = {
    "provisioner_name": "yarnhub",
    "config": {"python": sys.executable, "shared_folders": ["/tmp"]},
}


def excluded() -> dict[str, str]:
    """Why modules, classes and tests are left out, by the beginning of their names."""
    lines = EXCLUDED.read_text().splitlines()
    parts = (line.partition("  # ") for line in lines if line and not line.startswith("#"))
    return {name.strip(): reason for name, _, reason in parts}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is excluded, and repetitions that differ in what our managers replace."""
    reasons = excluded()
    seen: set[tuple[str, ...]] = set()
    used: set[str] = set()
    kept: list[pytest.Item] = []
    for item in items:
        name = item.nodeid.partition("[")[0]
        found = [each for each in reasons if name == each or name.startswith(f"{each}::")]
        used.update(found)
        if not found and (case := (name, *_parameters(item))) not in seen:
            seen.add(case)
            kept.append(item)
        # Some seconds each, too few for a machine that has other work.
        item.own_markers = [each for each in item.own_markers if each.name != "timeout"]
    config.hook.pytest_deselected(items=[each for each in items if each not in kept])
    packages = {item.nodeid.partition("/")[0] for item in items}
    items[:] = kept
    stale = {each for each in reasons if each.partition("/")[0] in packages} - used
    if stale:
        raise pytest.UsageError(f"{EXCLUDED.name} names what does not exist: {stale}")


def _parameters(item: pytest.Item) -> list[str]:
    parameters = dict(item.callspec.params) if hasattr(item, "callspec") else {}
    parameters.pop("jp_server_config", None)  # sets the manager's class
    return [str(each) for each in parameters.values()]


class _Manager:
    """What the tests of clients call of a manager."""

    def __init__(self, manager: YarnhubKernelManager, kernel_id: str) -> None:
        self._manager = manager
        self._id = kernel_id

    async def shutdown_kernel(self) -> None:
        with contextlib.suppress(KeyError):
            await self._manager.shutdown_kernel(self._id, now=True)


@pytest.fixture(autouse=True)
def _containers(
    jp_environ: None,
    jp_data_dir: Path,
    jp_asyncio_loop: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[None]:
    settings = offline(tmp_path)
    clusters: list[Cluster] = []
    managers: list[YarnhubKernelManager] = []
    python = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    _install(jp_data_dir, "python3", {"argv": python, "language": "python"})
    echo = json.loads((jp_data_dir / "kernels" / "echo" / "kernel.json").read_text())
    _install(jp_data_dir, "echo", echo)

    def hold(folder: Path) -> ProcessKernelHolder:
        clusters.append(Cluster())
        return ProcessKernelHolder(clusters[-1], settings, folder / "holder")

    def configured(config: Config) -> Config:
        configure(config)
        config.YarnhubKernelManager.folder = str(tmp_path / "kept")
        config.YarnhubKernelManager.holder_factory = hold
        config.YarnhubKernelManager.keep_kernels_on_stop = False
        return config

    def init_configurables(app: ServerApp) -> None:
        app.update_config(configured(Config(app.config)))
        init(app)
        managers.append(app.kernel_manager)

    async def start_kernel(manager: YarnhubKernelManager, **options: Any) -> str:
        kernel_id = await start(manager, **options)
        await asyncio.wait([done(manager.get_kernel(kernel_id).ready)])
        return str(kernel_id)

    async def start_new_async_kernel(kernel_name: str) -> tuple[_Manager, Any]:
        manager = YarnhubKernelManager(
            config=configured(Config()), kernel_spec_manager=KernelSpecManager()
        )
        managers.append(manager)
        kernel_id = await start_kernel(manager, kernel_name=kernel_name)
        client = manager.get_kernel(kernel_id).client()
        client.start_channels()
        await client.wait_for_ready(timeout=60)
        return _Manager(manager, kernel_id), client

    init, start = ServerApp.init_configurables, YarnhubKernelManager.start_kernel
    monkeypatch.setattr(ServerApp, "init_configurables", init_configurables)
    if "/test_api.py" not in request.node.nodeid:  # they expect that a started kernel runs
        monkeypatch.setattr(YarnhubKernelManager, "start_kernel", start_kernel)
    if hasattr(request.module, "start_new_async_kernel"):
        monkeypatch.setattr(request.module, "start_new_async_kernel", start_new_async_kernel)
    yield
    for manager in managers:
        jp_asyncio_loop.run_until_complete(manager.shutdown_all(now=True))
    for cluster in clusters:
        jp_asyncio_loop.run_until_complete(cluster.close())


def _install(data: Path, name: str, spec: dict[str, Any]) -> None:
    folder = data / "kernels" / name
    folder.mkdir(parents=True, exist_ok=True)
    spec = {"display_name": name, **spec, "metadata": {"kernel_provisioner": PROVISIONER}}
    (folder / "kernel.json").write_text(json.dumps(spec))
