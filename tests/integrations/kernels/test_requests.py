"""From a kernelspec to a request for a kernel."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from yarnhub.base.errors import SpecError
from yarnhub.integrations.kernels.requests import Owner, allowed, kernel_request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.kernels.request import KernelRequest

ID = "0f9d8a5e-1b2c-4d3e-8f70-123456789abc"
SPEC = SimpleNamespace(argv=["python3", "-f", "{connection_file}"], interrupt_mode="message")


def request(config: Mapping[str, object], **asked: str) -> KernelRequest:
    owner = Owner(name="alice@example.org", user="alice")
    env = {"LANG": "C.UTF-8"}
    return kernel_request(
        ID,
        "science",
        SPEC,
        config,
        env=env,
        asked=allowed(asked, config),
        owner=owner,
        cwd="/home/alice",
    )


def test_a_kernelspec_has_the_container_and_a_request_its_variables() -> None:
    config = {
        "memory": "2 GiB",
        "environment": "/opt/science",
        "shared_folders": ["/home"],
        "allowed_env": ["TZ"],
    }
    asked = {"KERNEL_TITLE": "a b", "TZ": "UTC", "SECRET": "x"}
    found = request(config, JPY_SESSION_NAME="work/a.ipynb", **asked)
    assert (found.id, found.owner, found.user) == (ID, "alice@example.org", "alice")
    assert (found.memory, found.argv[0]) == (2 * 1024**3, "/opt/science/bin/python3")
    assert (found.cwd, found.notebook) == ("/home/alice", "work/a.ipynb")
    assert found.interrupt == "message"
    assert found.env == {
        "LANG": "C.UTF-8",
        "KERNEL_TITLE": "a b",
        "TZ": "UTC",
        "KERNEL_ID": ID,
        "KERNEL_USERNAME": "alice@example.org",
        "JPY_SESSION_NAME": "work/a.ipynb",
    }


def test_a_request_cannot_exceed_the_kernelspec() -> None:
    with pytest.raises(SpecError, match="KERNEL_MEMORY: this kernel does not allow"):
        request({}, KERNEL_MEMORY="64 GiB")
    with pytest.raises(SpecError, match=r"config\.allowed_env: must be a list"):
        request({"allowed_env": 1})
    with pytest.raises(SpecError, match=r"config: unknown key 'memroy'"):
        request({"memroy": 1})
