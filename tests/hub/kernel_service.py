"""A hub with the kernel service, and a notebook server elsewhere, as the page on the service says.

Configurations and commands are the page's own, with a test's paths, addresses and tokens.
"""

from __future__ import annotations

import contextlib
import functools
import re
import secrets
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Self

from docs.blocks import PROJECT, example_of
from hub.hub import USERS, Hub
from hub.on_yarn import yarn_config
from hub.program import Program
from yarnhub.cluster.ports import choose_ports
from yarnhub.integrations.kernels.gateway_client import GatewayClient
from yarnhub.integrations.kernels.gateway_settings import GatewaySettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from yarnhub.cluster import HadoopCluster

PAGE = PROJECT / "docs" / "howto" / "gateway.md"
BIN = Path(sys.executable).parent
KERNEL = "Python (science)"
LOCAL = "Python 3 (ipykernel)"


def example(line: str, changes: Mapping[str, str]) -> str:
    """The page's block in which a line begins so, with changes."""
    return example_of(PAGE, line, changes)


class HubWithKernels(Hub):
    """A hub, and the service next to it.

    Args:
        folder: For all of it.
        cluster: Where kernels run.
        python: What runs users' servers and kernels, on every node; see `kernel_servers`.
    """

    def __init__(self, folder: Path, cluster: HadoopCluster, python: Path) -> None:
        address = f"http://127.0.0.1:{choose_ports(['gateway'], {})['gateway']}"
        token = secrets.token_hex(16)
        page = example("c.JupyterHub.services = [", {"http://127.0.0.1:8890": address})
        of_page = '"https://hub.example.com/services/gateway"'
        ours = 'c.JupyterHub.bind_url + "services/gateway"'
        spawner = example("c.YarnSpawner.environment", {of_page: ours})
        spawner = re.sub(r'(?m)^ *"YARNHUB_GATEWAY_CA".*\n', "", spawner)  # there is no HTTPS
        config = (
            "ours = c.JupyterHub.services, c.JupyterHub.load_roles\n"
            f"{page}c.JupyterHub.services += ours[0]\nc.JupyterHub.load_roles += ours[1]\n"
            f"{yarn_config(cluster, python)}{spawner}"
        )
        super().__init__(folder / "hub", {**cluster.env, "GATEWAY_TOKEN": token}, config)
        self.service_url = f"{self.url}/services/gateway"
        self.service = _service(
            folder / "gateway",
            cluster,
            {
                "http://127.0.0.1:8081": self.direct_url,
                "<the service's token>": token,
                "http://127.0.0.1:8890": address,
            },
        )
        install_kernelspec(self.service.folder, python.parent.parent)

    async def __aenter__(self) -> Self:
        try:
            await self.service.start()
            return await super().__aenter__()
        except BaseException:
            await self.service.stop()
            raise

    async def __aexit__(self, *_: object) -> None:
        try:
            await self._end_kernels()
        finally:
            await self.service.stop()
            await super().__aexit__()

    async def _end_kernels(self) -> None:
        """End what would run on: the service keeps the kernels of servers that stop."""
        for user in USERS:
            token = await self.token_of(user)
            settings = GatewaySettings(url=self.service_url, token=functools.partial(str, token))
            async with GatewayClient(settings) as client:
                for kernel in (await client.kernels("", 0))[0] or []:
                    await client.stop(kernel.request.id, now=True)


@contextlib.contextmanager
def kernel_servers(environment: Path) -> Iterator[None]:
    """Have the notebook servers of an environment use the service."""
    config = environment / "etc" / "jupyter" / "jupyter_server_config.py"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(example("from yarnhub.integrations.kernels import gateway", {}))
    try:
        yield
    finally:
        config.unlink()


def _service(folder: Path, cluster: HadoopCluster, changes: Mapping[str, str]) -> Program:
    variables = example("JUPYTERHUB_API_URL=", changes)
    settings = example("c.KernelGateway.folder", {"/var/lib/yarnhub-gateway": str(folder)})
    if cluster.options.kerberos:
        keytab = str(cluster.keytab("jupyterhub"))
        settings = settings.replace("/etc/jupyterhub/hub.keytab", keytab)
    else:
        settings = re.sub(r"(?m)^c\.KernelGateway\.(principal|keytab) .*\n", "", settings)
    folder.mkdir(parents=True)
    (folder / "gateway_config.py").write_text(settings)
    environment = {
        **cluster.env,
        **dict(line.split("=", 1) for line in variables.splitlines()),
        **jupyter_folders(folder),
    }
    (command,) = re.findall(r"(?m)^ExecStart=(.*)", PAGE.read_text("utf-8"))
    command = command.replace("/opt/jupyterhub/bin", str(BIN)).replace(
        "/etc/jupyterhub", str(folder)
    )
    url = f"{environment['JUPYTERHUB_SERVICE_URL']}{environment['JUPYTERHUB_SERVICE_PREFIX']}api"
    return Program(folder, command.split(), environment, url)


def jupyter_folders(folder: Path) -> dict[str, str]:
    """Variables that keep all of Jupyter's files in a folder."""
    names = ("data", "runtime", "config")
    return {
        "HOME": str(folder),
        "IPYTHONDIR": str(folder / "ipython"),
        **{f"JUPYTER_{name.upper()}_DIR": str(folder / name) for name in names},
    }


def install_kernelspec(folder: Path, environment: Path) -> None:
    """Install the kernelspec `science` for a process with these folders."""
    command = [
        *(BIN / "yarnhub", "kernelspec", "install", "science", "--user", "--display-name", KERNEL),
        *("--memory", "400 MiB", "--environment", environment),
    ]
    subprocess.run(
        [str(word) for word in command], env=jupyter_folders(folder), check=True, timeout=60
    )


def notebook_server(folder: Path, service_url: str, token: str) -> Program:
    """A notebook server of somebody's, with kernels of the service."""
    (folder / "notebooks").mkdir(parents=True)
    port = choose_ports(["lab"], {})["lab"]
    page = example(
        "$ export JUPYTER_GATEWAY_URL",
        {
            "https://hub.example.com/services/gateway": service_url,
            "<a token of the hub>": token,
            "$ jupyter lab": f"$ exec jupyter lab --allow-root --no-browser --port={port} "
            f"--ServerApp.port_retries=0 --ServerApp.root_dir={folder / 'notebooks'} "
            "--IdentityProvider.token=lab",
        },
    )
    script = re.sub(r"(?m)^\$ ", "", page)
    environment = {"PATH": f"{BIN}:/usr/bin:/bin", "LANG": "C.UTF-8", **jupyter_folders(folder)}
    return Program(folder, ["bash", "-c", script], environment, f"http://127.0.0.1:{port}/api")
