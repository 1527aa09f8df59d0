"""`yarnhub doctor`: checks a cluster and a hub."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.cli.hub_options import add_hub_options, read_hub_options

if TYPE_CHECKING:
    import argparse

    from yarnhub.integrations.doctor.deployment import DoctorOptions

HUB_CONFIG = Path("jupyterhub_config.py")
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `doctor`."""
    parser = subparsers.add_parser(
        "doctor",
        help="check a cluster and a hub, and say how to fix problems",
        description="Checks whether JupyterHub can run on this host and on the cluster, with one "
        "line for each check. Run it as the hub's user. The exit code is 1 if there is an error.",
    )
    add_hub_options(parser)
    parser.add_argument(
        "--queue", default="default", help="the queue for servers; default: default"
    )
    parser.add_argument(
        "--user", default="", help="a user of the hub to check, for whom the hub acts"
    )
    parser.add_argument(
        "--run", action="store_true", help="run small applications as the user on each node"
    )
    parser.add_argument(
        "--hub-config",
        type=Path,
        metavar="FILE",
        help=f"the hub's configuration, which is executed to read it; default: {HUB_CONFIG} "
        "in this folder, if only you or root can have written it",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON list of objects instead")
    parser.set_defaults(handler=_run)


def _run(arguments: argparse.Namespace) -> int:
    from dataclasses import replace

    options = replace(
        read_hub_options(arguments),
        queue=arguments.queue,
        user=arguments.user,
        run=arguments.run,
        hub_config=arguments.hub_config or (HUB_CONFIG if _is_trusted(HUB_CONFIG) else None),
    )
    return asyncio.run(_print(options, as_json=arguments.json))


def _is_trusted(file: Path) -> bool:
    """Whether a file is executed by default: only this user or root can have written it."""
    try:
        found = file.stat()
    except OSError:
        return False
    return found.st_uid in {0, os.geteuid()} and not found.st_mode & _WRITABLE_BY_OTHERS


async def _print(options: DoctorOptions, *, as_json: bool) -> int:
    from yarnhub.integrations.doctor import finding
    from yarnhub.integrations.doctor.checks import run_checks
    from yarnhub.integrations.doctor.deployment import Deployment

    findings = []
    async for found in run_checks(Deployment(options)):
        findings.append(found)
        if not as_json:
            print(found.line, flush=True)
    print(finding.as_json(findings) if as_json else finding.summary(findings))
    return int(any(found.grade is finding.Grade.ERROR for found in findings))
