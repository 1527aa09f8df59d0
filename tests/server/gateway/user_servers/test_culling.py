"""Idle kernels of users' servers are stopped."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from server.gateway.user_servers.holding import request
from server.gateway.user_servers.serving import running
from server.gateway.user_servers.specs import install
from yarnhub.kernels.kernel import KernelState
from yarnhub.kernels.protocol import Activity, Channel
from yarnhub.server.gateway.user_servers.culling import IdleKernels

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.jupyter

NOW = 1_700_000_000.0


async def test_idle_kernels_are_stopped_unless_a_notebook_is_connected(tmp_path: Path) -> None:
    install(tmp_path, "python")
    async with running(tmp_path) as service, service.client() as holder:
        service.service.manager.cull_idle_timeout = 60
        idle = IdleKernels(service.kernels, lambda: NOW)
        kinds: dict[str, dict[str, Any]] = {
            "idle": {"active": NOW - 100, "activity": Activity.IDLE},
            "active": {"active": NOW - 10, "activity": Activity.IDLE},
            "busy": {"active": NOW - 100, "activity": Activity.BUSY},
            "open": {"active": NOW - 100, "activity": Activity.IDLE},
            "lost": {"active": NOW - 100, "activity": Activity.IDLE, "connected": False},
            "waits": {"active": 0.0, "state": KernelState.WAITING},
            "ended": {"active": NOW - 100, "state": KernelState.ENDED},
        }
        ids = {}
        for kind, status in kinds.items():
            ids[kind] = (await holder.start(request())).id
            service.stub.held[ids[kind]].change(**status)
        opened = holder.find(ids["open"])
        assert opened is not None
        _, writer = await opened.open(Channel.SHELL)
        await idle.cull()
        first = {kind for kind in ids if ids[kind] in service.kernels.stopping}
        assert first == set()  # the service may have just started
        idle._first_seen = dict.fromkeys(ids.values(), NOW - 100)

        await idle.cull()

        culled = {kind for kind in ids if ids[kind] in service.kernels.stopping}
        assert culled == {"idle", "ended"}
        writer.close()
        lines = map(json.loads, (tmp_path / "audit.jsonl").read_text().splitlines())
        told = {line["kernel"]: line["reason"] for line in lines if line["event"] == "cull"}
        assert told == {ids[kind]: "idle for 100 s" for kind in culled}
