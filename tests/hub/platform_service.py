"""A hub with the platform's service, set up as its page says."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Self

from docs.blocks import PROJECT, example_of
from hub.hub import Hub
from hub.program import Program
from yarnhub.cluster.ports import choose_ports

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnhub.cluster import HadoopCluster

PAGE = PROJECT / "docs" / "howto" / "platform.md"
PROGRAM = Path(sys.executable).parent / "yarnhub"


class HubWithPlatform(Hub):
    """A hub, and the service next to it, which has the cluster's own hub account.

    Args:
        folder: For all of it.
        cluster: What it shows.
        more: More lines of jupyterhub_config.py.
        site: What builds of environments need; None if users cannot start any.
        settings: More lines of platform_config.py.
        program: What the service is started with, instead of `yarnhub`.
    """

    def __init__(
        self,
        folder: Path,
        cluster: HadoopCluster,
        more: str = "",
        site: Path | None = None,
        settings: str = "",
        program: Sequence[str] = (str(PROGRAM),),
    ) -> None:
        address = f"http://127.0.0.1:{choose_ports(['platform'], {})['platform']}"
        token = secrets.token_hex(16)
        page = example_of(PAGE, "c.JupyterHub.services = [", {"http://127.0.0.1:8892": address})
        config = (
            "ours = c.JupyterHub.services, c.JupyterHub.load_roles\n"
            f"{page}c.JupyterHub.services += ours[0]\nc.JupyterHub.load_roles += ours[1]\n"
            f"{more}"
        )
        super().__init__(folder / "hub", {**cluster.env, "PLATFORM_TOKEN": token}, config)
        changes = {
            "http://127.0.0.1:8081": self.direct_url,
            "<the service's token>": token,
            "http://127.0.0.1:8892": address,
        }
        variables = example_of(PAGE, "JUPYTERHUB_API_URL=", changes)
        where = folder / "platform"
        where.mkdir(0o700, parents=True)
        self.audit = where / "audit.jsonl"
        login = {
            "/etc/jupyterhub/hub.keytab": (
                str(cluster.keytab("jupyterhub")) if cluster.options.kerberos else ""
            ),
            "/var/lib/yarnhub-platform": str(where),
        }
        written = example_of(PAGE, "c.Platform.principal", login)
        if not cluster.options.kerberos:
            written = written.partition("\n")[2].partition("\n")[2]
        if site is not None:
            file = {"/etc/jupyterhub/site.yaml": str(site)}
            written += example_of(PAGE, "c.Platform.build_site", file)
        (where / "platform_config.py").write_text(f"{written}{settings}")
        environment = {
            **cluster.env,
            **dict(line.split("=", 1) for line in variables.splitlines()),
        }
        command = [*program, "platform", "--config", "platform_config.py"]
        self.service = Program(where, command, environment, f"{address}/services/platform/health")

    async def __aenter__(self) -> Self:
        try:
            await self.service.start()
            return await super().__aenter__()
        except BaseException:
            await self.service.stop()
            raise

    async def __aexit__(self, *_: object) -> None:
        try:
            await self.service.stop()
        finally:
            await super().__aexit__()
