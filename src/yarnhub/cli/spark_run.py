"""`yarnhub spark run`: scripts as batch jobs on YARN; `wait` and `kill` for those that run."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError, YarnhubError
from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.cli.cancellation import run_until_signal

if TYPE_CHECKING:
    from yarnhub.client.client import Client
    from yarnhub.client.files.staging import Progress
    from yarnhub.integrations.spark.batch import BatchJob
    from yarnhub.yarn.records.ids import ApplicationId

_MEBIBYTE = 1 << 20
_SHOWN_UPLOAD = 8 * _MEBIBYTE
"""Bytes of a file from which on its upload is shown."""


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `run`, `wait` and `kill`."""
    _add_run(commands)
    wait = commands.add_parser(
        "wait",
        help="wait for a script that runs on YARN",
        description="Shows the states of an application until it has ended, as `run` does; "
        "interrupting it does not end the application.",
    )
    wait.add_argument("application", metavar="APPLICATION", help="the application's id")
    wait.set_defaults(handler=_wait)
    kill = commands.add_parser(
        "kill",
        help="kill a script that runs on YARN",
        description="Kills an application and deletes what was uploaded for it.",
    )
    kill.add_argument("application", metavar="APPLICATION", help="the application's id")
    kill.set_defaults(handler=_kill)


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "run",
        usage="yarnhub spark run [OPTION ...] SCRIPT [ARG ...]",
        help="run a script on YARN",
        description="Runs a Python script with Spark on YARN, the driver in a container too "
        "(cluster mode), with a published Spark and without Java on this machine. Prints the "
        "application's id; the exit code is 0 if the script succeeded, otherwise 1.",
    )
    parser.add_argument("script", metavar="SCRIPT", help="a path, or the URL of a file in HDFS")
    parser.add_argument(
        "arguments", metavar="ARG", nargs=argparse.REMAINDER, help="the script's arguments"
    )
    parser.add_argument("--name", default="", help="the name in YARN; default: the script's")
    parser.add_argument("--queue", default="", help="the queue; default: default")
    parser.add_argument(
        "--conf",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a property of Spark, such as spark.executor.cores=2; can be repeated",
    )
    _add_files(parser)
    for option, what in (
        ("--driver-memory", "the driver's memory, such as 2g"),
        ("--executor-memory", "the memory of each executor, such as 4g"),
        ("--num-executors", "how many executors to start"),
    ):
        parser.add_argument(option, default="", metavar="N", help=what)
    parser.add_argument(
        "--spark",
        default="",
        metavar="VERSION",
        help="which published version; default: the newest one",
    )
    parser.add_argument(
        "--root", default="", metavar="FOLDER", help="the folder in HDFS; default: /yarnhub/spark"
    )
    parser.add_argument(
        "--wait",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="wait until the script has ended, and show why it failed (the default)",
    )
    parser.set_defaults(handler=_run)


def _add_files(parser: argparse.ArgumentParser) -> None:
    for option, what in (
        ("--py-files", "modules and packages (.py, .zip, .egg) for Python's path"),
        ("--files", "files for the folders of driver and executors"),
        ("--archives", "archives that are unpacked there"),
    ):
        parser.add_argument(
            option,
            action="append",
            default=[],
            metavar="FILE[,FILE ...]",
            help=f"{what}: paths, or URLs in HDFS; FILE#NAME renames one; can be repeated",
        )
    python = parser.add_mutually_exclusive_group()
    python.add_argument(
        "--environment",
        default="",
        metavar="ARCHIVE",
        help="the Python environment: an archive of conda-pack or venv-pack, best in HDFS",
    )
    python.add_argument(
        "--python", default="", metavar="PROGRAM", help="the Python of the nodes; default: python3"
    )


def _run(arguments: argparse.Namespace) -> int:
    job = _job(arguments)
    return run_until_signal(_run_job(job, arguments))


def _wait(arguments: argparse.Namespace) -> int:
    return run_until_signal(_wait_for(_number(arguments.application)))


def _kill(arguments: argparse.Namespace) -> int:
    asyncio.run(_kill_application(_number(arguments.application)))
    return 0


async def _run_job(job: BatchJob, arguments: argparse.Namespace) -> int:
    from yarnhub.cli.spark_root import checked_root
    from yarnhub.client.access.settings import Settings
    from yarnhub.client.client import Client
    from yarnhub.client.files.file_systems import user_file_system
    from yarnhub.integrations.spark.batch import PreparedJob
    from yarnhub.integrations.spark.batch_submission import submit
    from yarnhub.integrations.spark.published import find_version

    settings = Settings.from_environment(os.environ)
    root = checked_root(arguments.root)
    async with user_file_system(settings, root) as file_system:
        published = await find_version(file_system, root, arguments.spark)
    prepared = PreparedJob.of(job, published)
    async with Client(settings) as client:
        number = await submit(client, prepared, os.environ, _upload_shown())
        print(number, flush=True)
        _say(f"Submitted to queue {prepared.queue}, with Spark {published.version}.")
        if not arguments.wait:
            _say(_hint(number))
            return 0
        return await _follow(client, number)


async def _wait_for(number: ApplicationId) -> int:
    from yarnhub.client.access.settings import Settings
    from yarnhub.client.client import Client

    async with Client(Settings.from_environment(os.environ)) as client:
        await _check_type(client, number)
        return await _follow(client, number)


async def _follow(client: Client, number: ApplicationId) -> int:
    from yarnhub.integrations.spark.batch_outcome import BatchOutcome

    outcome = BatchOutcome(client, number, _say)
    try:
        report = await outcome.wait()
    except (asyncio.CancelledError, YarnhubError):
        _say(_hint(number))
        raise
    return 0 if await outcome.explain(report) else 1


async def _kill_application(number: ApplicationId) -> None:
    from yarnhub.client.access.settings import Settings
    from yarnhub.client.client import Client

    async with Client(Settings.from_environment(os.environ)) as client:
        await _check_type(client, number)
        await client.kill(number)
    print(f"{number} has ended.")


async def _check_type(client: Client, number: ApplicationId) -> None:
    from yarnhub.client.errors import ApplicationTypeError
    from yarnhub.integrations.spark.batch import APPLICATION_TYPE

    found = (await client.application_report(number)).application_type
    if found != APPLICATION_TYPE:
        raise ApplicationTypeError(
            f"{number} is not an application of Spark: its type is {clean_and_cut(found)}"
        )


def _job(arguments: argparse.Namespace) -> BatchJob:
    from yarnhub.integrations.spark.batch import BatchJob

    return BatchJob(
        script=_source(arguments.script, "SCRIPT"),
        arguments=tuple(arguments.arguments),
        name=arguments.name,
        queue=arguments.queue,
        properties=_properties(arguments),
        python_files=_sources(arguments.py_files, "--py-files"),
        files=_sources(arguments.files, "--files"),
        archives=_sources(arguments.archives, "--archives"),
        environment=_source(arguments.environment, "--environment"),
        python=arguments.python,
    )


def _properties(arguments: argparse.Namespace) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in arguments.conf:
        name, separator, value = text.partition("=")
        if not separator:
            raise ConfigurationError(f"--conf {name[:100]}: expected NAME=VALUE")
        found[name.strip()] = value
    for option, name in (
        ("driver_memory", "spark.driver.memory"),
        ("executor_memory", "spark.executor.memory"),
        ("num_executors", "spark.executor.instances"),
    ):
        if value := getattr(arguments, option):
            found[name] = value
    return found


def _sources(options: list[str], option: str) -> tuple[str, ...]:
    parts = [part.strip() for text in options for part in text.split(",")]
    return tuple(_source(part, option) for part in parts if part)


def _source(text: str, option: str) -> str:
    """A URL as it is, and the absolute path of a file that exists.

    Raises:
        ConfigurationError: It does not exist, or is a folder.
    """
    if not text or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/", text):
        return text
    name, hash_sign, link = text.partition("#")
    path = Path(name).absolute()
    if path.is_dir():
        raise ConfigurationError(f"{option} {name}: this is a folder: pack it into an archive")
    if not path.is_file():
        raise ConfigurationError(f"{option} {name}: there is no such file")
    return f"{path}{hash_sign}{link}"


def _number(text: str) -> ApplicationId:
    from yarnhub.yarn.records.ids import ApplicationId

    try:
        return ApplicationId.parse(text)
    except ValueError as error:
        raise ConfigurationError(
            f"{text[:100]!r} is not the id of an application, such as "
            "application_1764400000000_0042"
        ) from error


def _hint(number: ApplicationId) -> str:
    return (
        f"{number} continues to run.\nFollow it:  yarnhub spark wait {number}\n"
        f"Kill it:    yarnhub spark kill {number}"
    )


def _upload_shown() -> Progress:
    """Shows the uploads of large files in tenths."""
    shown: dict[Path, int] = {}

    def show(file: Path, sent: int, size: int) -> None:
        tenths = 10 * sent // size if size else 10
        if size >= _SHOWN_UPLOAD and tenths != shown.get(file):
            shown[file] = tenths
            _say(f"Uploading {file.name} ({size // _MEBIBYTE} MiB): {10 * tenths} %")

    return show


def _say(line: str) -> None:
    print(clean_and_cut(line), file=sys.stderr, flush=True)
