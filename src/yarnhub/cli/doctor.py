"""`yarnhub doctor`: what is wrong with a set-up, and how to mend it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from yarnhub.integrations.doctor.site import Question


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `doctor`."""
    parser = subparsers.add_parser(
        "doctor",
        help="say what is wrong with a set-up and how to mend it",
        description="Looks at the cluster and at this host as a JupyterHub on it would need them: "
        "a line for each check. Exit code 1 if there is an error; run it as the hub's user.",
    )
    add_place(parser)
    parser.add_argument(
        "--queue", default="default", help="where servers shall run; default: default"
    )
    parser.add_argument("--user", default="", help="a user of the hub, to act for")
    parser.add_argument(
        "--run", action="store_true", help="run a small application as the user on each node"
    )
    parser.add_argument("--json", action="store_true", help="print a list of objects instead")
    parser.set_defaults(handler=_examine)


def add_place(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where the cluster is and who the hub is."""
    parser.add_argument(
        "--conf-dir", type=Path, metavar="DIR", help="instead of HADOOP_CONF_DIR's folder"
    )
    parser.add_argument("--principal", default="", help="the hub's, in Kerberos")
    parser.add_argument("--keytab", type=Path, metavar="FILE", help="with the principal's key")


def question(arguments: argparse.Namespace) -> Question:
    """What the options ask about."""
    from yarnhub.integrations.doctor.site import Question

    environment = dict(os.environ)
    if arguments.conf_dir is not None:
        environment["HADOOP_CONF_DIR"] = str(arguments.conf_dir)
    return Question(environment=environment, principal=arguments.principal, keytab=arguments.keytab)


def _examine(arguments: argparse.Namespace) -> int:
    from dataclasses import replace

    asked = replace(
        question(arguments), queue=arguments.queue, user=arguments.user, run=arguments.run
    )
    return asyncio.run(_print(asked, as_json=arguments.json))


async def _print(asked: Question, *, as_json: bool) -> int:
    from yarnhub.integrations.doctor import finding
    from yarnhub.integrations.doctor.examination import examine

    findings = []
    async for found in examine(asked):
        findings.append(found)
        if not as_json:
            print(found.line, flush=True)
    print(finding.as_json(findings) if as_json else finding.summary(findings))
    return int(any(found.grade is finding.Grade.ERROR for found in findings))
