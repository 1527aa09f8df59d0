"""Users see of a kernelspec what they need, and no secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integrations.kernels.servers import install_kernelspec
from server.gateway.running import running

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.jupyter

CONFIG = {
    "queue": "research", "memory": "2 GiB", "prologue": "export TOKEN=secret",
    "env": {"A": "secret"}, "files": {"secret.txt": "hdfs:///secret"},
}  # fmt: skip


async def test_kernelspecs_are_shown_without_their_secrets(tmp_path: Path) -> None:
    metadata = {"kernel_provisioner": {"provisioner_name": "yarnhub", "config": CONFIG}, "own": 1}
    async with running(tmp_path) as service:
        install_kernelspec(
            tmp_path / "specs", "other", metadata=metadata, env={"PASSWORD": "secret"}
        )
        (tmp_path / "specs" / "kernels" / "other" / "logo-64x64.png").write_bytes(b"logo")

        listed = await service.request("a", "GET", "api/kernelspecs")
        one = await service.request("a", "GET", "api/kernelspecs/other")
        logo = await service.request("a", "GET", "kernelspecs/other/logo-64x64.png")
        files = [
            await service.request("a", method, f"kernelspecs/other/{path}")
            for method in ("GET", "HEAD")
            for path in ("kernel.json", "./kernel.json", "%2e/kernel.json", "logo/../kernel.json")
        ]

        shown = listed.json()["kernelspecs"]["other"]
        assert shown == one.json()
        assert shown["spec"]["display_name"] == "Python in a container"
        assert shown["spec"]["env"] == {}
        assert shown["spec"]["metadata"] == {
            "kernel_provisioner": {
                "provisioner_name": "yarnhub",
                "config": {"queue": "research", "memory": "2 GiB"},
            },
            "own": 1,
        }
        assert "secret" not in listed.text + one.text
        assert logo.content == b"logo"
        assert {answer.status_code for answer in files} == {404}
