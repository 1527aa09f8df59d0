"""Kernels of environments in users' own servers."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from server.gateway.user_servers.holding import request, stub
from yarnhub.base.errors import ConnectError, SpecError
from yarnhub.integrations.kernels import gateway_kernelspecs
from yarnhub.integrations.kernels.gateway_kernelspecs import GatewayKernelSpecManager
from yarnhub.kernels.kernelspec import Kernelspec, read, request_of
from yarnhub.kernels.service_protocol import KernelNotFoundError, KernelServiceError

if TYPE_CHECKING:
    from pathlib import Path

    from server.gateway.user_servers.serving import Running
    from yarnhub.integrations.kernels.gateway_holder import GatewayHolder

pytestmark = pytest.mark.jupyter

GIB = 2**30
TABLE = "env-alice1-table"
"""Alice's name on the cluster is alice1."""


@pytest.fixture(autouse=True)
def _jupyter_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("data", "runtime", "config"):
        monkeypatch.setenv(f"JUPYTER_{name.upper()}_DIR", str(tmp_path / name))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "none"))
    monkeypatch.setattr(gateway_kernelspecs, "_FRESH", 0.0)


def manager(service: Running, token: str) -> GatewayKernelSpecManager:
    folder = service.folder / f"kernelspecs-{token}"
    return GatewayKernelSpecManager(
        settings=service.settings(token), service_folder=str(folder), ensure_native_kernel=False
    )


async def listed(specs: GatewayKernelSpecManager, *, has: bool) -> dict[str, Any]:
    """The list that has the kernelspec, or has not: one waits for five seconds, perhaps in vain."""
    async with asyncio.timeout(30):
        while "python" not in (found := await specs.get_all_specs()) or (TABLE in found) is not has:
            continue
    return dict(found)


async def test_an_environment_comes_is_shared_and_goes(service: Running) -> None:
    alice, bob = manager(service, "a"), manager(service, "b")
    await listed(alice, has=False)

    await service.hdfs.publish("alice1")
    found = await listed(alice, has=True)
    assert found[TABLE]["spec"]["display_name"] == "table (Python 3.12)"
    await listed(bob, has=False)

    await service.hdfs.share("bob1", owner="alice1")
    shared = (await listed(bob, has=True))[TABLE]["spec"]
    assert shared["display_name"] == "table of alice1 (Python 3.12)"
    assert "hdfs://" not in str(shared)

    await service.hdfs.delete("alice1")
    for each in (alice, bob):
        assert "python" in await listed(each, has=False), "the others stay"


async def test_a_start_of_a_users_server(service: Running, holder: GatewayHolder) -> None:
    first = await service.hdfs.publish("alice1", kernel={"memory": "512 MiB", "vcores": 3})
    specs = manager(service, "a")
    spec = (await listed(specs, has=True))[TABLE]["spec"]
    checked = request_of(
        read(spec["metadata"]["kernel_provisioner"]["config"]),
        Kernelspec(name=TABLE, argv=spec["argv"]),
        id=request().id,
        owner="alice",
        user="alice",
        asked={},
    )
    made = stub(service, await holder.start(checked)).request
    assert (made.user, made.memory, made.vcores) == ("alice1", GIB // 2, 3)
    assert made.files["environment"] == first.file()
    assert made.tags == (f"yarnhub-env:{first.manifest.key}",)
    assert made.argv[0] == "{resource_dir}/environment/bin/python"

    second = await service.hdfs.publish("alice1", version="2")
    made = stub(service, await holder.start(request(name=TABLE))).request
    assert made.files["environment"] == second.file() != first.file()


async def test_another_users_environment_is_not_found(service: Running) -> None:
    environment = await service.hdfs.publish("alice1")
    async with service.client("b") as bob:
        for name in (TABLE, environment.id, "alice1/table"):
            with pytest.raises(KernelNotFoundError, match="no kernelspec"):
                await bob.start(request(name=name))
        assert service.stub.held == {}
        await service.hdfs.share("bob1", owner="alice1")
        assert stub(service, await bob.start(request(name=TABLE))).request.user == "bob1"
    path = f"kernelspecs/{TABLE}/logo-64x64.png"
    assert (await service.request("a", "GET", path)).status_code == 404


async def test_a_start_tells_why_hdfs_cannot_be_read(
    service: Running, holder: GatewayHolder
) -> None:
    await service.hdfs.publish("alice1")
    specs = manager(service, "a")
    await listed(specs, has=True)
    service.hdfs.error = ConnectError("nn:8020 refuses connections")
    assert TABLE in specs.find_kernel_specs()
    with pytest.raises(KernelServiceError, match="nn:8020 refuses connections"):
        await holder.start(request(name=TABLE))
    await holder.start(request())


async def test_a_kernel_above_the_limits_of_the_site(
    service: Running, holder: GatewayHolder
) -> None:
    config = {"limits": {"KERNEL_MEMORY": "1 GiB"}}
    service.service = dataclasses.replace(service.service, environment_config=config)
    service.kernels.service = service.service
    await service.hdfs.publish("alice1", kernel={"memory": "4 GiB", "vcores": 1})
    with pytest.raises(SpecError, match="must be at most 1 GiB"):
        await holder.start(request(name=TABLE))
