"""Kernels of a Jupyter server that run in containers: what REST clients see."""

from __future__ import annotations

import asyncio
import errno
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from integrations.kernels.fake_holder import OUT_OF_MEMORY, FakeHolder, WaitingHolder
from integrations.kernels.servers import install_kernelspec, serving
from yarnhub.base.errors import ConnectError, SpecError
from yarnhub.integrations.kernels import kernel_manager, server_records

if TYPE_CHECKING:
    from pathlib import Path

    from integrations.kernels.servers import Server

pytestmark = pytest.mark.jupyter


class Refusing(FakeHolder):
    """It has no such queue."""

    refusal = SpecError("queue", "there is no queue 'nowhere': the queues are default and science")


class Unreachable(FakeHolder):
    """Its ResourceManager does not respond."""

    unreachable: Any = ConnectError("the ResourceManager at rm:8032 does not respond")


async def test_a_kernel_runs_cells(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        model = await server.start()
        assert model["execution_state"] == "starting"
        async with server.client(model["id"]) as client:
            assert await client.result("6 * 7") == "42"
        await server.until(model["id"], lambda each: each["execution_state"] == "idle")
        deleted = await server.http.delete(f"/api/kernels/{model['id']}")
        assert deleted.status_code == 204
        await server.until_gone(model["id"])
        assert server.holder.kernels() == []


async def test_a_kernel_is_in_use_if_its_process_says_so(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        kernel_id = (await server.start())["id"]
        await server.until(kernel_id, lambda each: each["execution_state"] == "idle")
        (kernel,) = server.holder.kernels()
        before, same = "", (await server.model(kernel_id))["last_activity"]
        async with asyncio.timeout(30):  # what it published at its start may still come
            while before != same:
                await asyncio.sleep(0.5)
                before, same = same, (await server.model(kernel_id))["last_activity"]
        kernel.change(used=time.time())  # noqa: TID251
        await server.until(kernel_id, lambda each: each["last_activity"] > before)


async def test_only_variables_that_are_allowed_reach_the_kernel(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        body = {"path": "a.ipynb", "name": "a.ipynb", "type": "notebook"}
        response = await server.http.post(
            "/api/sessions", json=body | {"kernel": {"name": "cluster"}}
        )
        assert response.status_code == 201, response.text
        kernel_id = response.json()["kernel"]["id"]
        async with server.client(kernel_id) as client:
            await client.result("import os; 1")
            assert await client.result("'SECRET_OF_THE_SERVER' in os.environ") == "False"
            assert await client.result("os.environ['FROM_KERNELSPEC']") == "'yes'"
            path = str(tmp_path / "a.ipynb")
            assert await client.result("os.environ['JPY_SESSION_NAME']") == repr(path)


# --- a kernel that waits


async def test_a_waiting_kernel_says_what_it_waits_for(tmp_path: Path) -> None:
    async with serving(tmp_path, WaitingHolder) as server:
        kernel_id = (await server.start())["id"]
        model = await server.until(kernel_id, lambda each: "full" in each.get("reason", ""))
        assert model["execution_state"] == "starting"
        assert "Waiting for a container (application_1700000000000_0001)." in model["reason"]
        await server.holder.held[kernel_id].allocate()
        model = await server.until(kernel_id, lambda each: each["execution_state"] == "idle")
        assert "reason" not in model


async def test_a_waiting_kernel_cannot_be_interrupted_or_restarted(tmp_path: Path) -> None:
    async with serving(tmp_path, WaitingHolder) as server:
        kernel_id = (await server.start())["id"]
        for action, done in (("interrupt", "interrupted"), ("restart", "restarted")):
            response = await server.http.post(f"/api/kernels/{kernel_id}/{action}")
            assert response.status_code == 409
            assert f"cannot be {done}: shut it down instead" in response.json()["message"]


async def test_a_waiting_kernel_is_deleted_at_once(tmp_path: Path) -> None:
    async with serving(tmp_path, WaitingHolder) as server:
        kernel_id = (await server.start())["id"]
        await server.until(kernel_id, lambda each: "full" in each.get("reason", ""))
        kernel = server.holder.held[kernel_id]
        server.manager.get_kernel(kernel_id).shutdown_wait_time = 120.0
        begun = time.monotonic()
        response = await server.http.delete(f"/api/kernels/{kernel_id}")
        assert response.status_code == 204
        await server.until_gone(kernel_id)
        assert time.monotonic() - begun < 30
        await until_ended(server)
        assert kernel.stopped == 1


async def test_a_shutdown_does_not_wait_for_the_container(tmp_path: Path) -> None:
    async with serving(tmp_path, stop=False) as server:
        kernel_id = (await server.start())["id"]
        await server.until(kernel_id, lambda each: each["execution_state"] == "idle")
        kernel = server.holder.held[kernel_id]
        kernel.may_end.clear()
        response = await server.http.delete(f"/api/kernels/{kernel_id}")
        assert response.status_code == 204
        await server.until_gone(kernel_id)
        assert (kernel.stopped, server.holder.kernels()) == (1, [kernel])
        assert server.manager.holding.records.get(kernel_id).ending, "the next server continues"
        body = {"name": "cluster", "kernel_id": kernel_id}
        taken = await server.http.post("/api/kernels", json=body)
        assert (taken.status_code, kernel.stopped) == (409, 1)
        assert "is still ending" in taken.json()["message"]
    async with serving(tmp_path) as server:
        assert (await server.http.get("/api/kernels")).json() == []
        await until_ended(server)


async def test_a_kernel_ends_while_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with serving(tmp_path) as server:
        kernel_id = (await server.start())["id"]
        await server.until(kernel_id, lambda each: each["execution_state"] == "idle")
        monkeypatch.setattr(server_records, "write_private", full)
        response = await server.http.delete(f"/api/kernels/{kernel_id}")
        assert response.status_code == 204
        await until_ended(server)


async def until_ended(server: Server) -> None:
    """Wait until nothing is held or recorded any more."""
    async with asyncio.timeout(30):
        while server.holder.kernels() or list(server.manager.holding.records):
            await asyncio.sleep(0.02)


async def test_a_kernel_is_deleted_before_its_start_has_begun(tmp_path: Path) -> None:
    async with serving(tmp_path, WaitingHolder) as server:
        kernel_id = await server.manager.start_kernel(kernel_name="cluster")
        await server.manager.shutdown_kernel(kernel_id)
        assert kernel_id not in server.manager
        assert server.holders == []


async def test_a_server_stops_while_kernels_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel_manager, "_STOP", 120.0)
    async with serving(tmp_path, WaitingHolder) as server:
        kernel_id = (await server.start())["id"]
        await server.until(kernel_id, lambda each: "full" in each.get("reason", ""))
        server.manager.get_kernel(kernel_id).shutdown_wait_time = 120.0
        begun = time.monotonic()
        await server.manager.shutdown_all()
        assert time.monotonic() - begun < 30


# --- a kernel that is refused


async def test_an_unknown_kernelspec_is_refused_at_once(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        response = await server.http.post("/api/kernels", json={"name": "nowhere"})
        assert response.status_code == 404
        assert "no kernelspec 'nowhere'" in response.json()["message"]
        body = {"path": "a.ipynb", "type": "notebook", "kernel": {"name": "nowhere"}}
        response = await server.http.post("/api/sessions", json=body)
        assert response.status_code == 501
        assert "'nowhere' kernel is not available" in response.json()["message"]
        assert (await server.http.get("/api/kernels")).json() == []


async def test_the_id_of_a_kernel_is_a_uuid(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        for kernel_id in ("../../x", "a-b-c-d-e", str(uuid.uuid4()).upper(), 7):
            body = {"name": "cluster", "kernel_id": kernel_id}
            response = await server.http.post("/api/kernels", json=body)
            assert response.status_code == 400
            assert "must be a UUID" in response.json()["message"]
        kernel_id = str(uuid.uuid4())
        assert (await server.start(kernel_id=kernel_id))["id"] == kernel_id


async def test_a_refused_kernel_is_dead_with_the_reason(tmp_path: Path) -> None:
    async with serving(tmp_path, Refusing) as server:
        kernel_id = (await server.start())["id"]
        model = await server.until(kernel_id, lambda each: each["execution_state"] == "dead")
        assert "there is no queue 'nowhere'" in model["reason"]
        assert max(map(len, model["reason"].splitlines())) <= 80
        response = await server.http.delete(f"/api/kernels/{kernel_id}")
        assert response.status_code == 204
        await server.until_gone(kernel_id)
        assert list(server.manager.holding.records) == []


async def test_a_server_stops_after_a_start_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel_manager, "_STOP", 120.0)
    async with serving(tmp_path, Refusing) as server:
        kernel_id = (await server.start())["id"]
        await server.until(kernel_id, lambda each: each["execution_state"] == "dead")
        server.manager.get_kernel(kernel_id).shutdown_wait_time = 120.0
        begun = time.monotonic()
        await server.manager.shutdown_all()
        assert time.monotonic() - begun < 30


async def test_a_kernel_whose_process_cannot_start_says_so(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        install_kernelspec(tmp_path / "data", argv=["/bin/false", "{connection_file}"])
        kernel_id = (await server.start())["id"]
        model = await server.until(kernel_id, lambda each: each["execution_state"] == "dead")
        assert model["reason"] == "The kernel's process ended with exit code 1."
        async with asyncio.timeout(30):
            while server.holder.kernels():  # its container is of no use
                await asyncio.sleep(0.02)


async def test_a_start_fails_while_yarn_does_not_respond(tmp_path: Path) -> None:
    async with serving(tmp_path, Unreachable) as server:
        kernel_id = (await server.start())["id"]
        model = await server.until(kernel_id, lambda each: each["execution_state"] == "dead")
        assert "the ResourceManager at rm:8032 does not respond" in model["reason"]


async def test_a_kernel_of_another_provisioner_is_local(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        install_kernelspec(tmp_path / "data", "local", metadata={})
        kernel_id = (await server.start(name="local"))["id"]
        async with server.client(kernel_id) as client:
            assert await client.result("6 * 7") == "42"
        assert server.holders == []
        await server.manager.shutdown_all()
        assert kernel_id not in server.manager


# --- a kernel that dies


async def test_a_kernel_that_yarn_ended_is_dead_with_the_reason(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        kernel_id = (await server.start())["id"]
        async with server.client(kernel_id) as client:
            await client.result("1")
            await server.holder.held[kernel_id].die(OUT_OF_MEMORY)
            code, reason = await client.closed()
            assert code == 4000
            assert "more memory than it requested" in str(reason)
        # Its connection has been closed at both ends: a model has their number.
        model = await server.until(kernel_id, lambda each: each["connections"] == 0)
        assert model["execution_state"] == "dead"
        assert "it used more memory than it requested" in model["reason"]
        assert server.holder.started == 1
        (listed,) = (await server.http.get("/api/kernels")).json()
        assert listed == model
        assert (await server.http.delete(f"/api/kernels/{kernel_id}")).status_code == 204
        await server.until_gone(kernel_id)
        assert server.holder.kernels() == []


async def test_a_user_can_restart_a_dead_kernel(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        kernel_id = (await server.start())["id"]
        await server.until(kernel_id, lambda each: each["execution_state"] == "idle")
        await server.holder.held[kernel_id].die(OUT_OF_MEMORY)
        await server.until(kernel_id, lambda each: each["execution_state"] == "dead")
        response = await server.http.post(f"/api/kernels/{kernel_id}/restart")
        assert response.status_code == 200, response.text
        async with server.client(kernel_id) as client:
            assert await client.result("6 * 7") == "42"
        assert server.holder.started == 2


@pytest.mark.parametrize("output_returns_after", [0.0, 1.0])
async def test_a_process_that_crashes_is_restarted_in_its_container(
    tmp_path: Path, output_returns_after: float
) -> None:
    async with serving(tmp_path) as server:
        kernel_id = (await server.start())["id"]
        async with server.client(kernel_id) as client:
            assert await client.result("1") == "1"
            server.holder.held[kernel_id].slow = output_returns_after
            await client.run("x = 1; __import__('os')._exit(3)")
            await client.until(
                lambda each: (
                    each["msg_type"] == "status"
                    and each["content"]["execution_state"] == "restarting"
                )
            )
            held = server.holder.held[kernel_id]
            await server.until(kernel_id, lambda _: held.status.generation == 2)
            assert await client.result("'x' in globals()") == "False"
        assert server.holder.started == 1
        await server.until(kernel_id, lambda each: each["execution_state"] == "idle")


async def test_a_kernel_is_interrupted(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        kernel_id = (await server.start())["id"]
        async with server.client(kernel_id) as client:
            number = await client.run("print('on', flush=True)\nimport time; time.sleep(100)")
            await client.until(lambda each: each["msg_type"] == "stream")
            await server.until(kernel_id, lambda each: each["execution_state"] == "busy")
            response = await server.http.post(f"/api/kernels/{kernel_id}/interrupt")
            assert response.status_code == 204
            assert (await client.reply(number))["ename"] == "KeyboardInterrupt"


async def test_a_kernel_is_restarted_under_its_websocket(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        kernel_id = (await server.start())["id"]
        async with server.client(kernel_id) as client:
            assert await client.result("x = 6 * 7; x") == "42"
            response = await server.http.post(f"/api/kernels/{kernel_id}/restart")
            assert response.status_code == 200, response.text
            assert await client.result("'x' in globals()") == "False"
        assert server.holder.held[kernel_id].status.generation == 2
        assert server.holder.started == 1


async def test_two_clients_delete_a_kernel_at_the_same_time(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        kernel_id = (await server.start())["id"]
        await server.until(kernel_id, lambda each: each["execution_state"] == "idle")
        codes = set()
        async with asyncio.TaskGroup() as both:
            for _ in range(2):
                request = server.http.delete(f"/api/kernels/{kernel_id}")
                both.create_task(request).add_done_callback(
                    lambda task: codes.add(task.result().status_code)
                )
        assert codes <= {204, 404}
        await server.until_gone(kernel_id)
        assert server.holder.kernels() == []


async def test_kernels_end_with_the_server_if_it_is_set(tmp_path: Path) -> None:
    async with serving(tmp_path, keep_kernels_on_stop=False) as server:
        kernel_id = (await server.start())["id"]
        await server.until(kernel_id, lambda each: each["execution_state"] == "idle")
        kernel = server.holder.held[kernel_id]
        await server.manager.shutdown_all()
        assert kernel.stopped == 1


async def test_nothing_else_takes_what_is_kept_during_an_interruption(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        kernel_id = (await server.start())["id"]
        await server.until(kernel_id, lambda each: each["execution_state"] == "idle")
        kernel = server.holder.held[kernel_id]
        begun = kernel.delay_history()  # as a request that is repeated until the service is back
        async with asyncio.timeout(30):
            confirmation = await begun
        server.manager.get_kernel(kernel_id).interrupted(kernel, 1)
        async with asyncio.timeout(30):
            await asyncio.wait([confirmation])
        assert confirmation.cancelled()


async def test_a_server_without_kernels_leaves_its_holder(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        kernel_id = (await server.start())["id"]
        await server.until(kernel_id, lambda each: each["execution_state"] == "idle")
        await server.http.delete(f"/api/kernels/{kernel_id}")
        await server.until_gone(kernel_id)
        holder = server.holder
    assert holder.left


async def test_a_kernel_that_is_started_before_the_first_request_is_started_once(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as server:
        kernel_id = await server.manager.start_kernel(kernel_name="cluster")
        await server.until(kernel_id, lambda each: each["execution_state"] == "idle")
        assert server.holder.started == 1
