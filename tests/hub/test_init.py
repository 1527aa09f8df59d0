"""A hub with what `yarnhub init` has written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hub.hub import SecureHub
from hub.written import write

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster

# The tests' hub has ports of its own and a login; the rest is as written.
CHANGED = """
kept = {{
    name: list(c.JupyterHub[name]) for name in ("services", "load_roles")
}}
address, users = c.JupyterHub.bind_url, c.Authenticator.allowed_users
load_subconfig({written!r})
for name, values in kept.items():
    c.JupyterHub[name] += values
c.JupyterHub.bind_url = address
c.JupyterHub.hub_connect_ip = "127.0.0.1"
c.JupyterHub.authenticator_class = "shared-password"
c.Authenticator.allowed_users = users
c.YarnSpawner.cmd = {command!r}
c.YarnSpawner.mem_limit = "1 G"
"""


@pytest.mark.cluster
async def test_it_starts_servers(
    kerberos_cluster: HadoopCluster, shared_python: Path, tmp_path: Path
) -> None:
    written = tmp_path / "written.py"
    text = write(kerberos_cluster, written)
    assert "Could not be determined" not in text
    assert '"default"' in text
    text, services = text.split("# --- Services\n")  # which tests/hub/test_serve.py starts
    assert "yarnspawner.add_services(" in services
    written.write_text(text.replace("/var/lib/jupyterhub", str(tmp_path)))
    config = CHANGED.format(
        written=str(written), command=str(shared_python.with_name("jupyterhub-singleuser"))
    )
    async with SecureHub(tmp_path / "hub", kerberos_cluster.env, config) as hub:
        try:
            answer = await hub.api.post("/users/alice/server")
            assert answer.is_success, f"{answer.text}\n{hub.tail()}"
            # It ends when the server is ready, or has failed.
            progress = await hub.api.get("/users/alice/server/progress", timeout=90)
            assert '"ready": true' in progress.text, f"{progress.text}\n{hub.tail()}"
            assert (tmp_path / "yarn-applications").is_dir()
            culler = (await hub.api.get("/services/idle-culler")).json()
            assert culler["pid"], hub.tail()
        finally:
            await hub.stop_server("alice")  # the hub leaves it running
