"""The service's kernelspecs in a user's server."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jupyter_client.kernelspec import NoSuchKernel

from server.gateway.user_servers.serving import Running, running
from server.gateway.user_servers.specs import SPEC, install
from yarnhub.base.errors import RemoteProtocolError
from yarnhub.integrations.kernels import gateway_kernelspecs
from yarnhub.integrations.kernels.gateway_kernelspecs import GatewayKernelSpecManager
from yarnhub.kernels.kernelspec import Kernelspec, read, request_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.jupyter

ID = "00000000-0000-0000-0000-000000000001"


@pytest.fixture(autouse=True)
def _jupyter_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("data", "runtime", "config"):
        monkeypatch.setenv(f"JUPYTER_{name.upper()}_DIR", str(tmp_path / name))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "none"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setattr(gateway_kernelspecs, "_FRESH", 0.0)
    monkeypatch.setattr(gateway_kernelspecs, "_WAIT", 60.0)  # on a busy machine, 5 s can be too few


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Running]:
    folder = tmp_path / "service"
    for name in ("python", "secret"):
        install(folder, name)
    install(folder, "local", SPEC | {"metadata": {}})
    install(folder, "broken", _changed(memory="much"))
    async with running(folder) as service:
        yield service


def _changed(**config: object) -> dict[str, Any]:
    spec: dict[str, Any] = json.loads(json.dumps(SPEC))
    spec["metadata"]["kernel_provisioner"]["config"] |= config
    return spec


def manager(service: Running, token: str = "a") -> GatewayKernelSpecManager:
    return GatewayKernelSpecManager(settings=service.settings(token), ensure_native_kernel=False)


def names(found: dict[str, Any]) -> set[str]:
    """Without those of this machine."""
    return {*found} - {"python3", "ir"}


async def test_kernelspecs_of_the_service_are_beside_local_ones(
    service: Running, tmp_path: Path
) -> None:
    install(tmp_path / "data", "mine")
    specs = manager(service)
    assert names(specs.find_kernel_specs()) == {"mine"}
    assert names(await specs.get_all_specs()) == {"mine", "python"}
    found = specs.get_kernel_spec("python")
    assert found.display_name == "Python"
    assert found.metadata["debugger"] is True
    folder = Path(found.resource_dir)
    assert (folder / "logo-64x64.png").read_bytes() == b"logo"
    assert folder.stat().st_mode & 0o077 == 0
    assert "SECRET" not in (folder / "kernel.json").read_text()
    bob = manager(service, "b")
    assert names(await bob.get_all_specs()) == {"mine", "python", "secret"}


async def test_a_request_is_checked_before_it_is_sent(service: Running) -> None:
    specs = manager(service)
    await specs.get_all_specs()
    found = specs.get_kernel_spec("python")
    config = read(found.metadata["kernel_provisioner"]["config"])
    spec = Kernelspec(name="python", argv=found.argv, env=found.env)
    asked = {"KERNEL_MEMORY": "2 GiB"}
    made = request_of(
        config, spec, id=ID, owner="a", user="a", asked=asked, cwd="/home/alice/notebooks"
    )
    assert made.memory == 2 * 2**30
    assert made.cwd == "/home/alice/notebooks", "the service maps it"
    with pytest.raises(ValueError, match="at most"):
        request_of(config, spec, id=ID, owner="a", user="a", asked={"KERNEL_MEMORY": "9 GiB"})


async def test_changes_arrive_and_the_rest_stays_while_the_service_is_down(
    service: Running, tmp_path: Path
) -> None:
    install(tmp_path / "data", "mine")
    specs = manager(service)
    assert "python" in await specs.get_all_specs()
    await service.kill()
    assert names(await specs.get_all_specs()) == {"mine", "python"}
    again = manager(service)
    assert names(await again.get_all_specs()) == {"mine", "python"}, "after a restart of the server"
    install(service.folder, "more", SPEC | {"display_name": "More"})
    (service.folder / "kernels/more/logo-64x64.png").unlink()
    shutil.rmtree(service.folder / "kernels" / "python")
    await service.start()
    async with asyncio.timeout(30):  # a list waits for five seconds, on a busy machine in vain
        while names(await specs.get_all_specs()) != {"mine", "more"}:
            continue
        while [path.name for path in Path(specs.service_folder).iterdir()] != ["more"]:
            await specs.get_all_specs()
    with pytest.raises(NoSuchKernel):
        specs.get_kernel_spec("python")


async def test_a_local_kernelspec_with_the_same_name_is_used(
    service: Running, tmp_path: Path
) -> None:
    install(tmp_path / "data", "python", SPEC | {"display_name": "Mine"})
    specs = manager(service)
    await specs.get_all_specs()
    assert specs.get_kernel_spec("python").display_name == "Mine"


async def test_files_of_other_users_kernelspecs_do_not_exist(service: Running) -> None:
    path = "kernelspecs/secret/logo-64x64.png"
    assert (await service.request("b", "GET", path)).content == b"logo"
    assert (await service.request("a", "GET", path)).status_code == 404
    for path in ("python/kernel.json", "python/nosuch.png", "..%2fservice/audit.jsonl", "local/x"):
        assert (await service.request("b", "GET", f"kernelspecs/{path}")).status_code == 404


GOOD: dict[str, Any] = {
    "spec": {
        "argv": ["python", "{connection_file}"],
        "display_name": "x",
        "metadata": {"kernel_provisioner": {"provisioner_name": "yarnhub"}},
    },
    "resources": {"logo.svg": "0"},
}
LOCAL = {"spec": GOOD["spec"] | {"metadata": {}}}


@pytest.mark.parametrize(
    ("name", "offered"),
    [
        ("../x", GOOD), ("..", GOOD), (".x", GOOD), ("a/b", GOOD), ("", GOOD), ("A", GOOD),
        ("local", LOCAL), ("x", {}), ("x", 1), ("x", {"spec": {"argv": 1}}),
        ("x", GOOD | {"spec": GOOD["spec"] | {"argv": [1]}}),
        ("x", GOOD | {"resources": {"a": 1}}),
    ],
)  # fmt: skip
def test_kernelspecs_that_are_not_valid_are_left_out(name: str, offered: object) -> None:
    body = json.dumps({"kernelspecs": {name: offered, "good": GOOD}}).encode()
    assert list(gateway_kernelspecs._read(body)) == ["good"]


def test_names_of_files_cannot_leave_the_folder() -> None:
    files = dict.fromkeys(("../x", "kernel.json", ".x", "a/b", "logo.svg"), "0")
    body = json.dumps({"kernelspecs": {"good": GOOD | {"resources": files}}}).encode()
    assert gateway_kernelspecs._read(body)["good"]["resources"] == {"logo.svg": "0"}


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"kernelspecs": []}', b"[" * 100_000])
def test_an_answer_that_is_not_the_services_is_refused(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        gateway_kernelspecs._read(body)
