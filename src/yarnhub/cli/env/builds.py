"""`yarnhub env create`, `logs` and `cancel`: builds of environments in containers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError
from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.cli.cancellation import run_until_signal
from yarnhub.cli.env import inputs, publishing
from yarnhub.cli.env.opened import add_root, opened_store
from yarnhub.cli.hdfs_root import checked_root

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncIterator

    from yarnhub.environments.cluster_build.session import BuildHandle, BuildSessions

_MEMORY, _VCORES, _TIMEOUT = "2 GiB", "1", "2h"


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `create`, `logs` and `cancel`."""
    _add_create(commands)
    logs = commands.add_parser(
        "logs",
        help="print the log of an environment's newest build on the cluster",
        description="Prints the log of the newest build of an environment on the cluster.",
    )
    logs.add_argument(
        "-f", "--follow", action="store_true", help="continue until the build has ended"
    )
    logs.set_defaults(handler=_logs)
    cancel = commands.add_parser(
        "cancel",
        help="cancel the build of an environment on the cluster",
        description="Cancels the build of an environment on the cluster. Earlier versions of the "
        "environment are kept.",
    )
    cancel.set_defaults(handler=_cancel)
    for each in (logs, cancel):
        each.add_argument("name", metavar="NAME", help="the environment's name")


def _add_create(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "create",
        help="build an environment on the cluster and publish it",
        description="Builds an environment in a container of the cluster and publishes it in "
        "HDFS, as you. If an earlier version has the same packages, nothing is built. The build "
        "continues if this command is killed; Ctrl-C cancels it. The exit code is 0 if the "
        "environment is published.",
    )
    inputs.add_arguments(parser)
    add_root(parser)
    parser.add_argument("--queue", default="default", help="the queue; default: default")
    parser.add_argument(
        "--memory",
        default=_MEMORY,
        metavar="SIZE",
        help=f"the memory of the container; default: {_MEMORY}",
    )
    parser.add_argument(
        "--vcores",
        default=_VCORES,
        metavar="N",
        help=f"the virtual cores of the container; default: {_VCORES}",
    )
    parser.add_argument(
        "--timeout",
        default=_TIMEOUT,
        metavar="TIME",
        help=f"the time after which YARN kills the build; default: {_TIMEOUT}",
    )
    parser.add_argument(
        "--detach",
        action="store_true",
        help="print the id of the build's application and do not wait for its end",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object instead")
    parser.set_defaults(handler=_create)


def _create(arguments: argparse.Namespace) -> int:
    inputs.check_extra()
    from yarnhub.environments.errors import BuildError, error_text

    try:
        build = run_until_signal(_start(arguments))
    except BuildError as error:
        print(error_text(error), file=sys.stderr)
        return 1
    if arguments.detach:
        _print_started(build, as_json=arguments.json)
        return 0
    print(f"{build.application_id} builds {build.name}", file=sys.stderr, flush=True)
    try:
        return asyncio.run(_follow(build, arguments))
    except KeyboardInterrupt:
        print(
            f"Canceling the build; press Ctrl-C again to let it continue ({build.application_id})",
            file=sys.stderr,
            flush=True,
        )
        was_running = asyncio.run(_cancel_one(build))
        print("Canceled the build" if was_running else "It had already ended", file=sys.stderr)
        raise


def _logs(arguments: argparse.Namespace) -> int:
    inputs.check_extra()
    asyncio.run(_print_logs(arguments.name, follow=arguments.follow))
    return 0


def _cancel(arguments: argparse.Namespace) -> int:
    inputs.check_extra()
    if asyncio.run(_cancel_newest(arguments.name)):
        print(f"Canceled the build of {arguments.name}")
    else:
        print(f"The newest build of {arguments.name} has already ended")
    return 0


async def _start(arguments: argparse.Namespace) -> BuildHandle:
    from yarnhub.environments.cluster_build.application import BuildOptions

    options = BuildOptions.from_dict(
        {
            "queue": arguments.queue,
            "resources": {"memory": arguments.memory, "vcores": _number(arguments.vcores)},
            "timeout": arguments.timeout,
        }
    )
    site = await asyncio.to_thread(inputs.read_site, arguments.site)
    with tempfile.TemporaryDirectory(prefix="yarnhub-env-") as folder:
        path = arguments.specification
        specification = await inputs.read_specification(path, site, Path(folder))
    async with _sessions(arguments.root) as sessions:
        return await sessions.start(specification, site, options, inputs.show)


async def _follow(build: BuildHandle, arguments: argparse.Namespace) -> int:
    from yarnhub.environments.cluster_build.report import BuildState

    async with _sessions(arguments.root) as sessions:
        async for now in sessions.follow(build):
            if not now.state.ended:
                reason = clean_and_cut(now.reason, lines=False)
                inputs.show(now.progress or f"{now.state.value}: {reason}")
    if now.state is BuildState.READY:
        async with opened_store(arguments.root) as store:
            environment = await store.find(build.name)
        print(now.reason, file=sys.stderr)
        publishing.print_published(environment, as_json=arguments.json)
        return 0
    print(now.reason or f"The build was {now.state.value}", file=sys.stderr)
    print(f"The log: yarnhub env logs {build.name}", file=sys.stderr)
    return 1


async def _print_logs(name: str, *, follow: bool) -> None:
    out = sys.stdout.buffer
    async with _sessions() as sessions:
        build = await _found(sessions, name)
        chunks = sessions.logs(build, follow=follow, notice=inputs.show)
        async with contextlib.aclosing(chunks):
            async for chunk in chunks:
                out.write(chunk.data)
                out.flush()


async def _cancel_one(build: BuildHandle) -> bool:
    async with _sessions() as sessions:
        return await sessions.cancel(build)


async def _cancel_newest(name: str) -> bool:
    async with _sessions() as sessions:
        return await sessions.cancel(await _found(sessions, name))


async def _found(sessions: BuildSessions, name: str) -> BuildHandle:
    build = await sessions.find(name)
    if build is None:
        raise ConfigurationError(f"YARN has no build of {name}: see `yarnhub env ls`")
    return build


@contextlib.asynccontextmanager
async def _sessions(root: str = "") -> AsyncIterator[BuildSessions]:
    from yarnhub.client.access.settings import Settings
    from yarnhub.client.client import Client
    from yarnhub.environments.cluster_build.session import BuildSessions

    settings = Settings.from_environment(os.environ)
    async with Client(settings) as client:
        yield BuildSessions(client, settings, checked_root(root, ""))


def _number(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() else text


def _print_started(build: BuildHandle, *, as_json: bool) -> None:
    if as_json:
        document = {"name": build.name, "application": str(build.application_id)}
        print(json.dumps(document, indent=2))
    else:
        print(build.application_id)
