"""Options that say where the cluster is, and who the hub is there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from yarnhub.integrations.doctor.deployment import Question


def add_place(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--conf-dir",
        type=Path,
        metavar="DIR",
        help="the Hadoop configuration folder; default: HADOOP_CONF_DIR",
    )
    parser.add_argument("--principal", default="", help="the hub's Kerberos principal")
    parser.add_argument("--keytab", type=Path, metavar="FILE", help="the keytab of the principal")


def read_place(arguments: argparse.Namespace) -> Question:
    """What the options, and the environment, say."""
    from yarnhub.integrations.doctor.deployment import Question

    environment = dict(os.environ)
    if arguments.conf_dir is not None:
        environment["HADOOP_CONF_DIR"] = str(arguments.conf_dir)
    return Question(environment=environment, principal=arguments.principal, keytab=arguments.keytab)
