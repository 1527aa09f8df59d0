"""A user's Jupyter server whose kernels the service holds; the kernels are real processes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from integrations.kernels.servers import install_kernelspec, serving
from kernels.processes import Cluster, ProcessKernelHolder
from server.gateway.user_servers.serving import Running, running
from unmanaged.damage import offline
from yarnhub.kernels.protocol import Activity

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from integrations.kernels.servers import Client

pytestmark = pytest.mark.jupyter


@pytest.fixture(autouse=True)
def _jupyter_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("data", "runtime", "config"):
        monkeypatch.setenv(f"JUPYTER_{name.upper()}_DIR", str(tmp_path / name))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Running]:
    folder = tmp_path / "service"
    folder.mkdir()
    install_kernelspec(folder)
    cluster = Cluster()
    holder = ProcessKernelHolder(cluster, offline(tmp_path), folder / "held")
    try:
        async with running(folder, holder) as service:
            await service.request("a", "GET", "kernels")  # imports jupyterhub
            yield service
    finally:
        await cluster.close()


def user_server(service: Running, root: Path, /, **settings: Any) -> Any:
    def holder(_: Path) -> Any:
        return service.client()

    return serving(root, holder, **settings)  # type: ignore[arg-type]  # not only fakes


async def result_after_a_break(client: Client, code: str) -> str:
    """What is published before the channel is open again is missed, so ask again."""
    for _ in range(10):
        try:
            async with asyncio.timeout(3):
                return await client.result(code)
        except TimeoutError:
            continue
    raise AssertionError("the kernel does not answer")


async def test_cells_run_before_and_after_a_restart_of_the_service(
    service: Running, tmp_path: Path
) -> None:
    async with user_server(service, tmp_path) as server:
        kernel_id = (await server.start())["id"]
        async with server.client(kernel_id) as client:
            assert await client.result("x = 6; x * 7") == "42"
            for turn in range(3):
                await service.kill()
                await service.start()
                assert await result_after_a_break(client, f"x + {turn}") == str(6 + turn)
            model = await server.model(kernel_id)
            assert model["execution_state"] in {"idle", "busy"}
        interrupted = await server.http.post(f"/api/kernels/{kernel_id}/interrupt")
        assert interrupted.status_code == 204
        restarted = await server.http.post(f"/api/kernels/{kernel_id}/restart")
        assert restarted.status_code == 200, restarted.text
        async with server.client(kernel_id) as client:
            assert await client.result("'x' in globals()") == "False"
        deleted = await server.http.delete(f"/api/kernels/{kernel_id}")
        assert deleted.status_code == 204
        await server.until_gone(kernel_id)
        async with asyncio.timeout(30):
            while service.holder.kernels():
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("ends", ["at its stop", "before its start", "afterwards"])
async def test_what_is_printed_while_the_service_restarts_arrives_once_and_in_order(
    service: Running, tmp_path: Path, ends: str
) -> None:
    enough, printed = tmp_path / "enough", tmp_path / "printed"
    code = (
        "import time, pathlib, itertools\n"
        "for number in itertools.count():\n"
        "    print(number, flush=True)\n"
        f"    with open({str(printed)!r}, 'a') as file: file.write('.')\n"
        "    time.sleep(0.05)\n"
        f"    if pathlib.Path({str(enough)!r}).exists(): break"
    )
    async with user_server(service, tmp_path) as server:
        kernel_id = (await server.start())["id"]
        async with server.client(kernel_id) as client, server.client(kernel_id) as other:
            for each in (client, other):  # both have subscribed
                await each.result("1")
            cell = await client.run(code)
            await client.until(lambda each: "10\n" in each["content"].get("text", ""))
            await service.kill()
            if ends == "at its stop":
                enough.touch()
            before = len(printed.read_text())
            async with asyncio.timeout(30):
                while not enough.exists() and len(printed.read_text()) < before + 100:
                    await asyncio.sleep(0.02)
                if ends != "afterwards":
                    enough.touch()
                    (kernel,) = service.holder.kernels()
                    while kernel.status.activity is not Activity.IDLE:
                        await kernel.changed(kernel.status)
            await service.start()
            enough.touch()
            reply = await client.reply(cell)
            if ends == "at its stop" and reply["status"] == "error":  # the end was on its way
                assert "last output was lost" in reply["evalue"]
            else:
                assert (reply["status"], reply["execution_count"]) == ("ok", 3)
                await client.ended(cell)
                await other.ended(cell)
            count = len(printed.read_text())
            for each in (client, other):
                texts = stream(each.seen, cell).split("The connection")[0].split()
                numbers = [int(text) for text in texts]
                assert numbers == sorted(set(numbers)), "once and in order"
                lost = set(range(count)) - set(numbers)
                assert len(lost) < 50, "what was on its way when the service was killed"
            assert await client.result("6 * 7") == "42"


def stream(messages: list[dict[str, Any]], cell: str) -> str:
    found = [each for each in messages if each["parent_header"].get("msg_id") == cell]
    return "".join(each["content"]["text"] for each in found if each["msg_type"] == "stream")


async def test_a_refusal_of_the_service_is_the_kernels_reason(
    service: Running, tmp_path: Path
) -> None:
    (service.folder / "kernels/cluster/kernel.json").unlink()
    async with user_server(service, tmp_path) as server:
        kernel_id = (await server.start())["id"]
        model = await server.until(kernel_id, lambda model: model["execution_state"] == "dead")
        assert "There is no kernelspec" in model["reason"]


@pytest.mark.parametrize("path", ["a.ipynb", "renamed.ipynb"])
async def test_a_server_whose_folder_is_gone_finds_kernels_and_sessions_of_its_name(
    service: Running, tmp_path: Path, path: str
) -> None:
    def server_of(name: str, folder: str, **settings: Any) -> Any:
        own = str(tmp_path / folder)
        return user_server(service, tmp_path, server_name=name, folder=own, **settings)

    body = {"path": "a.ipynb", "name": "a.ipynb", "type": "notebook", "kernel": {"name": "cluster"}}
    async with server_of("/user/alice/", "first", stop=False) as server:
        response = await server.http.post("/api/sessions", json=body)
        assert response.status_code == 201, response.text
        begun = response.json()
        kernel_id = begun["kernel"]["id"]
        await server.until(kernel_id, lambda model: model["execution_state"] == "idle")
        if path != begun["path"]:
            await server.http.patch(f"/api/sessions/{begun['id']}", json={"path": path})
        async with asyncio.timeout(30):
            while f'"path": "{path}"' not in service.holder.kernels()[0].request.note:
                await asyncio.sleep(0.02)
    await service.kill()
    await service.start()
    async with server_of("/user/alice/2/", "other") as server:
        assert (await server.http.get("/api/kernels")).json() == []
    async with server_of("/user/alice/", "second") as server:
        (found,) = (await server.http.get("/api/sessions")).json()
        assert (found["id"], found["path"]) == (begun["id"], path)
        assert found["kernel"]["id"] == kernel_id
        await server.until(kernel_id, lambda model: model["execution_state"] == "idle")
        deleted = await server.http.delete(f"/api/sessions/{found['id']}")
        assert deleted.status_code == 204
        await server.until_gone(kernel_id)
    async with server_of("/user/alice/", "third") as server:
        assert (await server.http.get("/api/sessions")).json() == []
