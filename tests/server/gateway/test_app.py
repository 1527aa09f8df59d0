"""The whole service: kernels in containers, found again by the next service."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest
from traitlets.config import Config

from integrations.kernels.fake_holder import OUT_OF_MEMORY, FakeHolder
from integrations.kernels.servers import install_kernelspec
from server.fake_hub import FakeHub
from server.gateway.running import ready, running, until
from yarnhub import __version__
from yarnhub.base.errors import ConfigurationError
from yarnhub.server.gateway.app import serve

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.jupyter


class Waits(FakeHolder):
    """YARN has no room."""

    allocates = False


async def test_a_client_executes_interrupts_restarts_and_shuts_down(tmp_path: Path) -> None:
    async with running(tmp_path) as service:
        kernel = await service.start("a", env={"KERNEL_X": "1", "LD_PRELOAD": "/evil"})
        async with service.connected("a", kernel) as client:
            assert await client.result("import os; os.environ['KERNEL_X']") == "'1'"
            assert await client.result("os.environ.get('LD_PRELOAD', 'none')") == "'none'"
            assert await client.result("os.environ['KERNEL_USERNAME']") == "'alice'"

            code = "import time\nprint('on', flush=True)\nwhile True: time.sleep(0.1)"
            number = await client.run(code)
            # It is busy before it runs the code.
            await client.until(lambda each: "on\n" in each["content"].get("text", ""))
            await until(service, "a", kernel, "busy")
            answer = await service.request("a", "POST", f"api/kernels/{kernel}/interrupt")
            assert answer.status_code == 204
            assert (await client.reply(number))["ename"] == "KeyboardInterrupt"

            await client.result("x = 1; x")
            answer = await service.request("a", "POST", f"api/kernels/{kernel}/restart")
            assert (answer.status_code, answer.json()["id"]) == (200, kernel)
            assert await client.result("'x' in globals()") == "False"

        assert service.holders[0].kernels()[0].request.owner == "alice"
        answer = await service.request("a", "DELETE", f"api/kernels/{kernel}")
        assert answer.status_code == 204
        await until(service, "a", kernel, "gone")
        assert [line["event"] for line in service.audit] == [
            *("start", "connect", "interrupt", "restart", "stop")
        ]
        assert {line["kernel"] for line in service.audit} == {kernel}
        assert stat.S_IMODE((service.folder / "audit.jsonl").stat().st_mode) == 0o600


async def test_the_next_service_finds_kernels_and_their_owners_again(tmp_path: Path) -> None:
    hub = FakeHub()
    async with running(tmp_path, hub=hub, end=False) as service:
        kernel = await service.start("a")
        async with service.connected("a", kernel) as client:
            await client.result("x = 41; x")

    async with running(tmp_path, hub=hub) as service:
        listed = await service.request("a", "GET", "api/kernels")
        foreign = await service.request("b", "GET", f"api/kernels/{kernel}")
        assert [each["id"] for each in listed.json()] == [kernel]
        assert foreign.status_code == 404
        assert (await service.request("b", "GET", "api/kernels")).json() == []
        async with service.connected("a", kernel) as client:
            assert await client.result("x + 1") == "42"


async def test_a_kernel_that_waits_is_listed_says_why_and_is_deleted_at_once(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, make=Waits, user_limit={"kernels": 1}) as service:
        kernel = await service.start("a")

        model = (await service.request("a", "GET", f"api/kernels/{kernel}")).json()
        interrupt = await service.request("a", "POST", f"api/kernels/{kernel}/interrupt")
        full = await service.request("a", "POST", "api/kernels", json={"name": "cluster"})
        assert model["execution_state"] == "starting"
        assert model["reason"]
        assert (interrupt.status_code, full.status_code) == (409, 403)
        assert "1 kernel of 1 kernel in use" in full.json()["message"]
        assert (await service.request("a", "DELETE", f"api/kernels/{kernel}")).status_code == 204
        await until(service, "a", kernel, "gone")
        again = await service.start("a")
        await service.request("a", "DELETE", f"api/kernels/{again}")
        await until(service, "a", again, "gone")


async def test_a_kernel_that_yarn_ends_is_dead_and_counts_no_more(tmp_path: Path) -> None:
    async with running(tmp_path, user_limit={"kernels": 1}) as service:
        kernel = await service.start("a")
        await ready(service, "a", kernel)
        (held,) = service.holders[0].kernels()

        await held.die(OUT_OF_MEMORY)

        await until(service, "a", kernel, "dead")
        await service.start("a")
        ended = [line for line in service.audit if line["event"] == "end"]
        assert [(line["kernel"], line["owner"]) for line in ended] == [(kernel, "alice")]
        assert "memory" in ended[0]["reason"]


async def test_kernelspecs_that_would_run_on_the_host_are_not_offered(tmp_path: Path) -> None:
    install_kernelspec(tmp_path / "specs", "local", metadata={})
    async with running(tmp_path) as service:
        listed = (await service.request("a", "GET", "api/kernelspecs")).json()["kernelspecs"]
        one = await service.request("a", "GET", "api/kernelspecs/local")
        start = await service.request("a", "POST", "api/kernels", json={"name": "local"})
        native = await service.request("a", "POST", "api/kernels", json={"name": "python3"})

        assert set(listed) == {"cluster"}
        assert one.status_code == start.status_code == native.status_code == 404
        assert [list(each.kernels()) for each in service.holders] == [[]]


async def test_what_a_kernelspec_does_not_allow_is_refused_at_once(tmp_path: Path) -> None:
    async with running(tmp_path) as service:
        for env in ({"KERNEL_MEMORY": "1 TiB"}, {"KERNEL_QUEUE": "$(touch /tmp/x)"}):
            answer = await service.request(
                "a", "POST", "api/kernels", json={"name": "cluster", "env": env}
            )
            assert answer.status_code == 400
            assert next(iter(env)) in answer.json()["message"]
        assert (await service.request("a", "GET", "api/kernels")).json() == []


async def test_the_hub_sees_that_the_service_runs(tmp_path: Path) -> None:
    # It looks each minute, without a token.
    async with running(tmp_path) as service:
        assert (await service.client.get(service.url)).json()["yarnhub"] == __version__


async def test_metrics_are_for_this_host_or_a_token(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("m\n")
    async with running(tmp_path) as service:
        kernel = await service.start("a")
        await ready(service, "a", kernel)
        text = (await service.client.get(f"{service.url}metrics")).text
        assert 'yarnhub_kernels{state="idle"} 1.0' in text
        assert "yarnhub_kernel_starts_total 1.0" in text
        assert "yarnhub_kernel_ready_seconds_count 1.0" in text
        assert "alice" not in text
        # The hub's proxy is on this host, too.
        proxied = {"X-Forwarded-For": "192.0.2.1"}
        answer = await service.client.get(f"{service.url}metrics", headers=proxied)
        assert answer.status_code == 403
    async with running(tmp_path / "other", metrics_token_file=str(token)) as service:
        assert (await service.request("a", "GET", "metrics")).status_code == 403
        assert (await service.request("m", "GET", "metrics")).status_code == 200


@pytest.mark.parametrize(
    ("traits", "environment", "words"),
    [
        ({}, {}, "Nobody could authenticate"),
        ({}, {"JUPYTERHUB_API_URL": "http://127.0.0.1/hub/api"}, "JUPYTERHUB_API_TOKEN"),
        ({"ip": "0.0.0.0"}, None, "HTTPS"),
        ({"user_limit": {"cores": 1}}, None, "user_limit"),
        ({"user_limit": {"memory": "much"}}, None, "memory"),
        ({"kernelspec_audiences": {"a": {"users": "alice"}}}, None, "kernelspec_audiences"),
        ({"metrics_token_file": "/nonexistent"}, None, "metrics_token_file"),
        ({"spnego_keytab": "/nonexistent"}, None, "spnego_keytab"),
        ({"certfile": "/nonexistent"}, None, "certfile"),
        ({"port": "x"}, None, "port"),
    ],
)
async def test_a_wrong_configuration_is_refused_in_words(
    tmp_path: Path, traits: dict[str, object], environment: dict[str, str] | None, words: str
) -> None:
    of_a_hub = {
        "JUPYTERHUB_API_URL": "http://127.0.0.1/hub/api",
        "JUPYTERHUB_API_TOKEN": "t",
        "JUPYTERHUB_SERVICE_NAME": "gateway",
    }
    config = Config({"KernelGateway": {"folder": str(tmp_path / "state"), **traits}})
    with pytest.raises(ConfigurationError, match=words):
        async with serve(config, of_a_hub if environment is None else environment, FakeHolder):
            pass
