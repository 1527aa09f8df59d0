"""`yarnhub cluster`: a real Hadoop cluster on this machine, for demonstrations and tests."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError

if TYPE_CHECKING:
    import argparse

    from yarnhub.cluster import HadoopCluster

# The package yarnhub.cluster is imported by the handlers: it takes longer than `--help` may.


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `cluster` and its commands."""
    summary = "a Hadoop cluster on this machine, for demonstrations and tests"
    cluster = subparsers.add_parser("cluster", help=summary, description=summary)
    commands = cluster.add_subparsers(dest="cluster_command", metavar="COMMAND", required=True)
    _add_start(commands)
    stop = _add_command(commands, "stop", "stop all daemons and containers", _stop)
    stop.add_argument(
        "--delete", action="store_true", help="also delete the state folder, including HDFS"
    )
    _add_command(
        commands, "status", "show the daemons; the exit code is 1 unless all are running", _status
    )
    _add_command(commands, "env", 'print shell exports, for `eval "$(yarnhub cluster env)"`', _env)
    logs = _add_command(commands, "logs", "print a daemon's log", _logs)
    logs.add_argument("daemon", nargs="?", help="such as nodemanager-1; default: list all logs")
    _add_command(commands, "shell", "start $SHELL with the cluster's environment", _shell)


def _add_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    summary: str,
    handler: object,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=summary, description=summary)
    state = parser.add_mutually_exclusive_group()
    state.add_argument(
        "--name", default="default", help="the name of the cluster, for its default state folder"
    )
    state.add_argument("--state", type=Path, metavar="DIR", help="the state folder")
    parser.set_defaults(handler=handler)
    return parser


def _add_start(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    start = _add_command(commands, "start", "start a cluster and return when it is ready", _start)
    start.add_argument("--hadoop", default="3.4.2", metavar="VERSION", help="default: 3.4.2")
    start.add_argument("--nodes", type=int, default=1, metavar="N", help="number of NodeManagers")
    start.add_argument(
        "--node-memory", type=int, default=8192, metavar="MIB", help="of each node; default: 8192"
    )
    start.add_argument(
        "--node-vcores", type=int, default=8, metavar="N", help="of each node; default: 8"
    )
    start.add_argument("--ha", action="store_true", help="two ResourceManagers, with ZooKeeper")
    start.add_argument("--name-node-ha", action="store_true", help="two NameNodes")
    start.add_argument(
        "--scheduler", choices=("capacity", "fair"), default="capacity", help="default: capacity"
    )
    start.add_argument(
        "--encryption-zone", action="store_true", help="with --kerberos: a key server (KMS)"
    )
    start.add_argument(
        "--federation",
        action="store_true",
        help="a federation with this cluster as its only member",
    )
    start.add_argument(
        "--native",
        action="store_true",
        help="NodeManagers with Hadoop's native library, which unpack archives faster",
    )
    start.add_argument(
        "--kerberos", action="store_true", help="security on, with a KDC; requires root"
    )
    start.add_argument(
        "--rpc-protection",
        choices=("authentication", "integrity", "privacy"),
        default="privacy",
        help="with --kerberos; default: privacy",
    )
    start.add_argument("--java-home", type=Path, metavar="DIR", help="the Java installation to use")
    start.add_argument("--maven-repository", metavar="URL", help="instead of Maven Central")
    start.add_argument(
        "-D",
        dest="properties",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a Hadoop property; can be repeated",
    )


def _state(arguments: argparse.Namespace) -> Path:
    if arguments.state is not None:
        return Path(arguments.state)
    from yarnhub.cluster.state.folder import find_state_folder

    return find_state_folder(arguments.name)


def _attached(arguments: argparse.Namespace) -> HadoopCluster:
    from yarnhub.cluster import HadoopCluster

    return HadoopCluster.attach(_state(arguments))


def _properties(definitions: list[str]) -> dict[str, str]:
    properties = {}
    for definition in definitions:
        name, equals, value = definition.partition("=")
        if not name or not equals:
            raise ConfigurationError(f"-D {definition}: expected NAME=VALUE")
        properties[name] = value
    return properties


def _start(arguments: argparse.Namespace) -> int:
    from yarnhub.cluster import ClusterOptions, HadoopCluster, RpcProtection
    from yarnhub.cluster.options import Scheduler, group_by_site_file
    from yarnhub.cluster.state.folder import default_state_folder, is_running

    state = arguments.state or default_state_folder(arguments.name, kerberos=arguments.kerberos)
    options = ClusterOptions(
        name=arguments.name,
        state=state,
        hadoop=arguments.hadoop,
        nodes=arguments.nodes,
        node_memory=arguments.node_memory,
        node_vcores=arguments.node_vcores,
        ha=arguments.ha,
        name_node_ha=arguments.name_node_ha,
        scheduler=Scheduler(arguments.scheduler),
        federation=arguments.federation,
        encryption_zone=arguments.encryption_zone,
        native=arguments.native,
        kerberos=arguments.kerberos,
        rpc_protection=RpcProtection(arguments.rpc_protection),
        java_home=arguments.java_home,
        site=group_by_site_file(_properties(arguments.properties)),
        maven_repository=arguments.maven_repository,
    )
    if is_running(state):
        print(f"The cluster in {state} is already running.")
        return 0
    cluster = HadoopCluster(options, detached=True, report=_report)
    asyncio.run(cluster.start())
    flag = f"--state {state}" if arguments.state else f"--name {arguments.name}"
    print(f"The cluster in {state} is running: Hadoop {options.hadoop}, {options.nodes} node(s).")
    print(f"ResourceManager: {cluster.rm_web_url}")
    print(f'Use it:  eval "$(yarnhub cluster env {flag})"')
    return 0


def _report(what: str, done: int, total: int) -> None:
    """Show progress on standard error: on a terminal one line that changes."""
    if sys.stderr.isatty():
        count = f" {done}/{total}" if total else ""
        end = "\n" if total and done == total else ""
        print(f"\r{what}{count}\x1b[K", end=end, file=sys.stderr, flush=True)
    elif done == 0:
        print(f"{what} ...", file=sys.stderr)


def _stop(arguments: argparse.Namespace) -> int:
    from yarnhub.cluster.state.layout import Layout
    from yarnhub.cluster.state.record import read_record

    state = _state(arguments)
    if read_record(Layout(state)) is None:
        print(f"No cluster was started in {state}.")
        return 0
    asyncio.run(_attached(arguments).stop(delete=arguments.delete))
    print(f"The cluster in {state} is stopped.")
    return 0


def _status(arguments: argparse.Namespace) -> int:
    cluster = _attached(arguments)
    pids = cluster.pids
    rows = [("DAEMON", "PID", "STATE", "ADDRESS")]
    for daemon, pid in pids.items():
        state = "stopped" if pid is None else "running"
        rows.append((daemon, "-" if pid is None else str(pid), state, cluster.address(daemon)))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        print("  ".join([*cells, row[3]]))
    return 0 if pids and all(pid is not None for pid in pids.values()) else 1


def _env(arguments: argparse.Namespace) -> int:
    from yarnhub.cluster.wrappers import export_lines

    cluster = _attached(arguments)
    print(export_lines(cluster.variables, cluster.path_entries), end="")
    return 0


def _logs(arguments: argparse.Namespace) -> int:
    cluster = _attached(arguments)
    if arguments.daemon is None:
        for daemon in cluster.pids:
            print(f"{daemon}  {cluster.log_path(daemon)}")
        return 0
    with cluster.log_path(arguments.daemon).open(encoding="utf-8", errors="replace") as log:
        for line in log:
            sys.stdout.write(line)
    return 0


def _shell(arguments: argparse.Namespace) -> int:
    cluster = _attached(arguments)
    shell = os.environ.get("SHELL") or "/bin/sh"
    path = ":".join([*map(str, cluster.path_entries), os.environ.get("PATH", "")])
    variables = {**os.environ, **cluster.variables, "PATH": path}
    return subprocess.run([shell], env=variables, check=False).returncode
