"""The three ways to a notebook with Spark that `spark.py` measures."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_client.asynchronous import AsyncKernelClient
from kernel_servers import PATIENCE, enterprise_gateway, yarnhub_gateway
from processes import cpu_with_ended, family

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from kernel_servers import Connection, Server

HERE = Path(__file__).resolve().parent
KERNELSPEC = "spark_python_yarn_cluster"
GET_OR_CREATE = "from pyspark.sql import SparkSession; spark = SparkSession.builder.getOrCreate()"


@dataclass(frozen=True)
class Installed:
    """What all three use.

    Attributes:
        env: The cluster's variables, and those of this process.
        python: The Python of kernels and executors.
        spark_home: Spark's folder.
        conf: Spark's properties.
        archive: The URL of Spark's jars.
    """

    env: Mapping[str, str]
    python: Path
    spark_home: Path
    conf: Mapping[str, str]
    archive: str

    @property
    def submit_options(self) -> list[str]:
        """The options of spark-submit for a driver in YARN, with jars that nodes have already."""
        conf = {
            **self.conf,
            "spark.yarn.archive": self.archive,
            "spark.yarn.appMasterEnv.SPARK_LOCAL_IP": "127.0.0.1",
        }
        return [word for item in conf.items() for word in ("--conf", "=".join(item))]


class Notebook:
    """A kernel that has been requested."""

    async def execute(self, code: str) -> str:
        """Run a line; returns the result of its last statement."""
        raise NotImplementedError

    def gateway_cpu(self) -> float:
        """Seconds of CPU that the gateway, or what is in its place, has used for it so far."""
        raise NotImplementedError


class SubmittedNotebook(Notebook):
    """One of `spark-submit`, whose process is all that there is of a gateway.

    Args:
        process: It; nobody waits for it before its CPU has been read.
        client: The kernel's.
    """

    def __init__(self, process: subprocess.Popen[bytes], client: AsyncKernelClient) -> None:
        self._process = process
        self._client = client

    async def execute(self, code: str) -> str:
        # By the reply alone: what a kernel publishes before its client subscribes is lost.
        statements, _, last = code.rpartition(";")
        sent = self._client.execute(statements, user_expressions={"value": last.strip()})
        reply = await self._client.get_shell_msg(timeout=PATIENCE)
        while reply["parent_header"]["msg_id"] != sent:
            reply = await self._client.get_shell_msg(timeout=PATIENCE)
        value = reply["content"].get("user_expressions", {}).get("value", {})
        assert reply["content"]["status"] == value.get("status") == "ok", reply["content"]
        return str(value["data"]["text/plain"])

    def gateway_cpu(self) -> float:
        return cpu_with_ended(family(self._process.pid))


class ServedNotebook(Notebook):
    """One of a gateway."""

    def __init__(self, server: Server, connection: Connection, used: float) -> None:
        self._server = server
        self._connection = connection
        self._used = used

    async def execute(self, code: str) -> str:
        return await self._connection.execute(code)

    def gateway_cpu(self) -> float:
        return cpu_with_ended(family(self._server.process.pid)) - self._used


@dataclass(frozen=True)
class Submit:
    """`spark-submit` itself, once for each notebook.

    Attributes:
        folder: For connection files and logs.
        installed: What it uses.
    """

    folder: Path
    installed: Installed
    session: str = "spark"

    @contextlib.asynccontextmanager
    async def notebook(self) -> AsyncIterator[Notebook]:
        """A notebook that is requested now, and shut down at the block's end."""
        connection = self.folder / "connection.json"
        connection.unlink(missing_ok=True)
        command = [
            *(self.installed.spark_home / "bin" / "spark-submit", "--master", "yarn"),
            *("--deploy-mode", "cluster", "--name", "notebook"),
            *("--conf", "spark.yarn.submit.waitAppCompletion=false"),
            *("--conf", "spark.yarn.maxAppAttempts=1", *self.installed.submit_options),
            *(HERE / "spark_kernel.py", connection),
        ]
        variables = submit_environment(self.installed)
        with (
            (self.folder / "log").open("ab") as log,
            subprocess.Popen(command, env=variables, stdout=log, stderr=log) as process,
        ):
            try:
                async with asyncio.timeout(PATIENCE):
                    while not connection.exists():
                        await asyncio.sleep(0.01)
                async with connected(connection) as client:
                    yield SubmittedNotebook(process, client)
                    client.shutdown()
                    await client.get_control_msg(timeout=PATIENCE)
            except BaseException:
                process.kill()
                raise


@contextlib.asynccontextmanager
async def connected(file: Path) -> AsyncIterator[AsyncKernelClient]:
    """A client of the kernel with a connection file."""
    client = AsyncKernelClient(connection_file=str(file))
    client.load_connection_file()
    client.start_channels()
    try:
        yield client
    finally:
        client.stop_channels()


@dataclass(frozen=True)
class Gateway:
    """A gateway with a kernelspec that has Spark.

    Attributes:
        server: It.
        kernelspec: The kernelspec's name.
        session: What a cell has to run for the session.
    """

    server: Server
    kernelspec: str
    session: str = "spark"

    @contextlib.asynccontextmanager
    async def notebook(self) -> AsyncIterator[Notebook]:
        """A notebook that is requested now, and shut down at the block's end."""
        used = cpu_with_ended(family(self.server.process.pid))
        kernel = await self.server.start(self.kernelspec)
        async with self.server.connected(kernel) as connection:
            yield ServedNotebook(self.server, connection, used)
        await self.server.stop(kernel)


@contextlib.asynccontextmanager
async def spark_submit(folder: Path, installed: Installed) -> AsyncIterator[Submit]:
    """Nothing runs before a notebook is requested."""
    folder.mkdir()
    yield Submit(folder, installed)


@contextlib.asynccontextmanager
async def peer_gateway(
    folder: Path, peer: tuple[Path, Path], installed: Installed, resource_manager: str
) -> AsyncIterator[Gateway]:
    """Enterprise Gateway with its own kernelspec.

    `spark` cannot be used there: the launcher, which creates it in the background, reads an
    attribute of it that PySpark 4 lacks. A cell takes the session by `getOrCreate`.

    Args:
        folder: For itself.
        peer: The interpreter of its environment, and its launcher of kernels.
        installed: What it uses.
        resource_manager: The URL of the ResourceManager's pages.
    """
    python, launcher = peer
    kernels = folder.with_name(f"{folder.name}-kernels")
    write_peer_kernelspec(kernels / KERNELSPEC, launcher, installed)
    async with enterprise_gateway(
        folder, python, kernels, submit_environment(installed), resource_manager
    ) as server:
        yield Gateway(server, KERNELSPEC, GET_OR_CREATE)


@contextlib.asynccontextmanager
async def our_gateway(
    folder: Path, installed: Installed, conf: Mapping[str, str]
) -> AsyncIterator[Gateway]:
    """`yarnhub gateway` with what `yarnhub kernelspec install --spark` installs.

    Args:
        folder: For itself.
        installed: What it uses.
        conf: Spark's properties, for the kernelspec.
    """
    prefix = folder.with_name(f"{folder.name}-kernels")
    settings = [f"--spark-setting={'='.join(item)}" for item in conf.items()]
    command = [
        *(Path(sys.executable).with_name("yarnhub"), "kernelspec", "install", "spark", "--spark"),
        *("--prefix", prefix, "--environment", installed.python.parent.parent, *settings),
    ]
    env = {**installed.env, "JUPYTER_PATH": str(prefix / "share" / "jupyter")}
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
    kernels = prefix / "share" / "jupyter" / "kernels"
    async with yarnhub_gateway(folder, installed.env, kernels) as server:
        yield Gateway(server, "spark")


def submit_environment(installed: Installed) -> dict[str, str]:
    """The variables of `spark-submit`."""
    return {
        **installed.env,
        "SPARK_HOME": str(installed.spark_home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": str(installed.python),
    }


def write_peer_kernelspec(folder: Path, launcher: Path, installed: Installed) -> None:
    """Enterprise Gateway's kernelspec, with the paths of this machine and the common properties."""
    shutil.copytree(launcher.parents[3] / "kernelspecs" / KERNELSPEC, folder)
    shutil.copytree(launcher.parent, folder / "scripts")
    (folder / "bin" / "run.sh").chmod(0o755)
    packages = folder.with_name("packages")  # of the launcher
    install_packages(packages, installed.python, ["pycryptodomex"])
    (py4j,) = (installed.spark_home / "python" / "lib").glob("py4j-*.zip")
    text = (folder / "kernel.json").read_text()
    for theirs, here in {
        f"/usr/local/share/jupyter/kernels/{KERNELSPEC}": folder,
        "${HOME}/.local/lib/python3.8/site-packages": packages,
        "/usr/hdp/current/spark2-client": installed.spark_home,
        "py4j-0.10.6-src.zip": py4j.name,
        "/opt/conda/bin": installed.python.parent,
    }.items():
        assert theirs in text, theirs
        text = text.replace(theirs, str(here))
    spec = json.loads(text)
    kept = ("PATH", "HADOOP_CONF_DIR", "JAVA_HOME")
    spec["env"] |= {name: installed.env[name] for name in kept} | {"SPARK_LOCAL_IP": "127.0.0.1"}
    spec["env"]["SPARK_OPTS"] += " " + " ".join(installed.submit_options)
    (folder / "kernel.json").write_text(json.dumps(spec))


def install_packages(folder: Path, python: Path, packages: Sequence[str]) -> None:
    """Install packages for a Python, in a folder of their own."""
    uv = Path(sys.executable).with_name("uv")
    command = [uv, "pip", "install", "-q", "--python", python, "--target", folder, *packages]
    subprocess.run(command, check=True)
