"""Kernels of environments, as clients of the service find and start them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from integrations.kernels.fake_holder import OUT_OF_MEMORY, WaitingHolder
from server.gateway.published import Hdfs
from server.gateway.running import Running, ready, running, until
from yarnhub.base.errors import ConnectError
from yarnhub.integrations.kernels import interruption

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from yarnhub.kernels.request import KernelRequest

pytestmark = pytest.mark.jupyter

GIB = 2**30
TABLE = "env-alice-table"


@pytest.fixture
async def hdfs(tmp_path: Path) -> Hdfs:
    hdfs = Hdfs(tmp_path / "hdfs")
    await hdfs.publish(kernel={"memory": "2 GiB", "vcores": 2})
    return hdfs


@pytest.fixture
async def service(hdfs: Hdfs, tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path, make=WaitingHolder, look_up=hdfs) as service:
        yield service


async def names(service: Running, token: str) -> dict[str, str]:
    answer = await service.request(token, "GET", "api/kernelspecs")
    found: dict[str, Any] = answer.json()["kernelspecs"]
    return {name: each["spec"]["display_name"] for name, each in found.items()}


def request(service: Running, kernel: str) -> KernelRequest:
    return service.holders[0].held[kernel].request


def version(service: Running, kernel: str) -> str:
    return request(service, kernel).files["environment"].source.split("/")[-2]


async def test_a_users_environments_are_listed(service: Running, hdfs: Hdfs) -> None:
    await hdfs.publish("bob", "shared", readers=("alice",))
    await hdfs.publish("alice", "plain", packages=("tabulate",))
    assert await names(service, "a") == {
        "cluster": "Python in a container",
        TABLE: "table (Python 3.12)",
        "env-bob-shared": "shared of bob (Python 3.12)",
    }
    one = await service.request("a", "GET", f"api/kernelspecs/{TABLE}")
    config = one.json()["spec"]["metadata"]["kernel_provisioner"]["config"]
    assert config == {"memory": 2 * GIB, "vcores": 2, "gpus": 0, "resource_types": {}}
    assert one.json()["resources"] == {}
    assert "hdfs://" not in one.text
    logo = await service.request("a", "GET", f"kernelspecs/{TABLE}/logo-64x64.png")
    assert logo.status_code == 404


async def test_another_users_environment_does_not_exist(service: Running, hdfs: Hdfs) -> None:
    (environment,) = await hdfs.store("alice").find_all()
    assert await names(service, "b") == {"cluster": "Python in a container"}
    for method, path in (
        ("GET", f"api/kernelspecs/{TABLE}"), ("GET", f"kernelspecs/{TABLE}/logo-64x64.png")
    ):  # fmt: skip
        assert (await service.request("b", method, path)).status_code == 404
    for name in (TABLE, f"{TABLE} ", environment.id, "alice/table", "env-"):
        refused = await service.request("b", "POST", "api/kernels", json={"name": name})
        assert refused.status_code in {400, 404}, name
    assert service.holders == [] or service.holders[0].started == 0

    await hdfs.share("bob")
    kernel = await service.start("b", name=TABLE)
    assert request(service, kernel).user == "bob"


async def test_a_kernel_is_started_from_the_services_own_look_up(
    service: Running, hdfs: Hdfs
) -> None:
    kernel = await service.start("a", name=TABLE, env={"KERNEL_ENVIRONMENT": "hdfs:///evil.tar.gz"})
    made = request(service, kernel)
    archive = made.files["environment"]
    (environment,) = await hdfs.store("alice").find_all()
    assert archive == environment.file()
    assert made.tags == (f"yarnhub-env:{environment.manifest.key}",)
    assert (made.memory, made.vcores) == (2 * GIB, 2)
    model = await service.request("a", "GET", f"api/kernels/{kernel}")
    assert model.json()["name"] == TABLE
    assert model.json()["usage"] == {"memory": 2 * GIB, "vcores": 2}


async def test_the_next_kernel_gets_a_new_version_and_the_first_one_stays(
    service: Running, hdfs: Hdfs
) -> None:
    assert TABLE in await names(service, "a")
    first = await service.start("a", name=TABLE)
    await hdfs.publish(version="2")
    second = await service.start("a", name=TABLE)
    assert [version(service, each) for each in (first, second)] == ["1", "2"]

    await hdfs.delete()
    gone = await service.request("a", "POST", "api/kernels", json={"name": TABLE})
    assert gone.status_code == 404
    listed = (await service.request("a", "GET", "api/kernels")).json()
    assert {each["id"] for each in listed} == {first, second}


async def test_kernels_can_be_started_with_a_slow_or_broken_hdfs(
    service: Running, hdfs: Hdfs
) -> None:
    hdfs.error = ConnectError("nn:8020 refuses connections")
    assert await names(service, "a") == {"cluster": "Python in a container"}
    refused = await service.request("a", "POST", "api/kernels", json={"name": TABLE})
    assert refused.status_code == 503
    assert "nn:8020 refuses connections" in refused.json()["message"]
    asked = len(hdfs.lookups)
    await service.start("a", name="cluster")
    await service.start("a")
    assert len(hdfs.lookups) == asked, "of no concern to other kernels"
    metrics = (await service.client.get(f"{service.url}metrics")).text
    assert "yarnhub_gateway_environments_failed 1.0" in metrics


async def test_the_default_kernel_is_one_of_the_site(hdfs: Hdfs, tmp_path: Path) -> None:
    await hdfs.publish("mallory", "a", readers=("alice",))
    async with running(tmp_path, make=WaitingHolder, look_up=hdfs) as service:
        cluster = tmp_path / "specs" / "kernels" / "cluster"
        cluster.rename(cluster.with_name("zeta"))
        listed = await service.request("a", "GET", "api/kernelspecs")
        assert listed.json()["default"] == "zeta"


async def test_a_kernelspec_of_the_site_has_precedence(service: Running, tmp_path: Path) -> None:
    cluster = tmp_path / "specs" / "kernels" / "cluster"
    cluster.rename(cluster.with_name(TABLE))
    assert await names(service, "a") == {TABLE: "Python in a container"}
    kernel = await service.start("a", name=TABLE)
    assert request(service, kernel).files == {}


async def test_the_site_decides_who_uses_environments_and_how(hdfs: Hdfs, tmp_path: Path) -> None:
    await hdfs.publish("bob")
    async with running(
        tmp_path,
        make=WaitingHolder,
        look_up=hdfs,
        kernelspec_audiences={"env-*": {"users": ["alice"]}},
        environment_config={"limits": {"KERNEL_MEMORY": "1 GiB"}, "queue": "research"},
    ) as service:
        assert "env-bob-table" not in await names(service, "b")
        refused = await service.request("b", "POST", "api/kernels", json={"name": "env-bob-table"})
        assert refused.status_code == 404
        assert TABLE in await names(service, "a")
        refused = await service.request("a", "POST", "api/kernels", json={"name": TABLE})
        assert refused.status_code == 400
        assert "is 2 GiB, and must be at most 1 GiB" in refused.json()["message"]
        await hdfs.publish(version="2")
        kernel = await service.start("a", name=TABLE)
        assert (request(service, kernel).memory, request(service, kernel).queue) == (
            GIB,
            "research",
        )


async def test_a_dead_kernel_gets_the_current_version_within_the_limits(
    hdfs: Hdfs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The output of the dead one does not come again, and must not be waited for.
    monkeypatch.setattr(interruption, "_ALL", 600)
    settings: dict[str, Any] = {"look_up": hdfs, "user_limit": {"memory": "4 GiB"}}
    async with running(tmp_path, end=False, **settings) as service:
        kernel = await service.start("a", name=TABLE)
        await ready(service, "a", kernel)
        await service.holders[0].held[kernel].die(OUT_OF_MEMORY)
        await until(service, "a", kernel, "dead")
        await hdfs.publish(version="2", kernel={"memory": "8 GiB", "vcores": 1})
        refused = await service.request("a", "POST", f"api/kernels/{kernel}/restart")
        assert refused.status_code == 403
        await hdfs.publish(version="3")
        again = await service.request("a", "POST", f"api/kernels/{kernel}/restart")
        assert again.status_code == 200, again.text
        await ready(service, "a", kernel)
        assert version(service, kernel) == "3"
        assert service.service.owners.usage(kernel).memory == GIB
    async with running(tmp_path, **settings) as service:
        await ready(service, "a", kernel)
        await service.holders[0].held[kernel].die(OUT_OF_MEMORY)
        await until(service, "a", kernel, "dead")
        await hdfs.delete()
        gone = await service.request("a", "POST", f"api/kernels/{kernel}/restart")
        assert gone.status_code == 404
        await hdfs.publish(version="4")
        again = await service.request("a", "POST", f"api/kernels/{kernel}/restart")
        assert again.status_code == 200, again.text
        await ready(service, "a", kernel)
        assert version(service, kernel) == "1", "of the environment that was published again"
