"""Options for the cluster's configuration and the hub's Kerberos login."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from yarnhub.integrations.doctor.deployment import DoctorOptions


def add_hub_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--conf-dir",
        type=Path,
        metavar="DIR",
        help="the Hadoop configuration folder; default: HADOOP_CONF_DIR",
    )
    parser.add_argument("--principal", default="", help="the hub's Kerberos principal")
    parser.add_argument("--keytab", type=Path, metavar="FILE", help="the keytab of the principal")


def read_hub_options(arguments: argparse.Namespace) -> DoctorOptions:
    """The options, with the environment, as the doctor's."""
    from yarnhub.integrations.doctor.deployment import DoctorOptions

    environment = dict(os.environ)
    if arguments.conf_dir is not None:
        environment["HADOOP_CONF_DIR"] = str(arguments.conf_dir)
    return DoctorOptions(
        environment=environment, principal=arguments.principal, keytab=arguments.keytab
    )
