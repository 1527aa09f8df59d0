"""`yarnhub serve`: a hub with its proxy and services, from one configuration."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError

if TYPE_CHECKING:
    import argparse

_CHECKS = (
    *("packages", "JupyterHub", "hub's configuration"),
    *("services", "services' folders", "services' ports"),
)
"""Those of the doctor that do not need the cluster."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `serve`."""
    parser = subparsers.add_parser(
        "serve",
        help="start JupyterHub with its proxy and services",
        description="Checks a jupyterhub_config.py, and then becomes JupyterHub, which starts its "
        "proxy and the services in the file: signals, logs and exit codes are JupyterHub's.",
    )
    parser.add_argument(
        *("-f", "--config"),
        type=Path,
        default=Path("jupyterhub_config.py"),
        metavar="FILE",
        help="the configuration; default: jupyterhub_config.py",
    )
    parser.add_argument(
        "options", nargs="*", metavar="OPTION", help="after --: options of jupyterhub"
    )
    parser.set_defaults(handler=_serve)


def _serve(arguments: argparse.Namespace) -> int:
    file: Path = arguments.config
    if not file.is_file():
        raise ConfigurationError(f"{file} does not exist: `yarnhub init` writes one")
    if asyncio.run(_is_usable(file)):
        command = [sys.executable, "-P", "-m", "jupyterhub", "--config", str(file)]
        os.execv(sys.executable, [*command, *arguments.options])  # noqa: S606  # no shell
    return 1


async def _is_usable(file: Path) -> bool:
    """Print what is wrong with a configuration; returns whether a hub can start with it."""
    from yarnhub.integrations.doctor.checks import CHECKS, run_checks
    from yarnhub.integrations.doctor.deployment import Deployment, DoctorOptions
    from yarnhub.integrations.doctor.finding import Grade

    deployment = Deployment(DoctorOptions(environment=os.environ, hub_config=file))
    grades = set()
    async for found in run_checks(deployment, [each for each in CHECKS if each.name in _CHECKS]):
        grades.add(found.grade)
        if found.grade is not Grade.OK:
            print(found.line, file=sys.stderr, flush=True)
    return Grade.ERROR not in grades
