"""`yarnhub env share`, `rollback` and `rm`."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError
from yarnhub.cli.env import descriptions
from yarnhub.cli.env.opened import add_root, opened_store
from yarnhub.cli.numbers import positive

if TYPE_CHECKING:
    import argparse

    from yarnhub.environments.published.environment import PublishedEnvironment
    from yarnhub.environments.specification import Access

_NAME = "the name of your environment"


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `share`, `rollback` and `rm`."""
    _add_share(commands)
    rollback = commands.add_parser(
        "rollback",
        help="make an earlier version current",
        description="Makes a version of an environment current, until you publish another one. "
        "Running kernels and containers continue with the version that they have.",
    )
    rollback.add_argument("name", metavar="NAME", help=_NAME)
    rollback.add_argument(
        "version",
        type=positive,
        nargs="?",
        metavar="NUMBER",
        help="the version; default: the version before the current one",
    )
    rollback.set_defaults(handler=_roll_back)
    remove = commands.add_parser(
        "rm",
        help="delete an environment",
        description="Deletes an environment with all versions, or some that are not current.",
    )
    remove.add_argument(
        "name", metavar="NAME", help=f"{_NAME}; or the id of a damaged one, as listed by `ls`"
    )
    which = remove.add_mutually_exclusive_group()
    which.add_argument(
        "--version", type=positive, metavar="NUMBER", help="delete only this version"
    )
    which.add_argument(
        "--keep",
        type=positive,
        metavar="N",
        help="delete only versions older than the N newest ones, without the current one and those "
        "that applications use",
    )
    remove.add_argument(
        "--force",
        action="store_true",
        help="delete it even if it is shared, or applications use it: they can start no further "
        "containers",
    )
    remove.set_defaults(handler=_remove)
    for each in (rollback, remove):
        add_root(each)


def _add_share(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "share",
        help="let others use an environment",
        description="Lets others use all versions of an environment, in addition to those who "
        "already can. Without options, prints who can use it.",
    )
    parser.add_argument("name", metavar="NAME", help=_NAME)
    for kind in ("user", "group"):
        parser.add_argument(
            f"--{kind}", action="append", default=[], metavar="NAME", help=f"a {kind}; repeatable"
        )
    parser.add_argument("--everyone", action="store_true", help="all users of the cluster")
    parser.add_argument(
        "--remove", action="store_true", help="withdraw the access of those that are named"
    )
    parser.add_argument("--nobody", action="store_true", help="withdraw all access of others")
    add_root(parser)
    parser.set_defaults(handler=_share)


def _share(arguments: argparse.Namespace) -> int:
    named = bool(arguments.user or arguments.group or arguments.everyone)
    if arguments.nobody and named:
        raise ConfigurationError("--nobody cannot be combined with --user, --group or --everyone")
    if arguments.remove and not named:
        raise ConfigurationError("--remove needs --user, --group or --everyone")
    environment = asyncio.run(_share_one(arguments, change=named or arguments.nobody))
    print(f"{environment.name} is shared with: {descriptions.readers(environment)}")
    return 0


async def _share_one(arguments: argparse.Namespace, *, change: bool) -> PublishedEnvironment:
    async with opened_store(arguments.root) as store:
        environment = await store.find(arguments.name, all_versions=False)
        if not change:
            return environment
        await store.share(arguments.name, _access(environment, arguments))
        return await store.find(arguments.name, all_versions=False)


def _access(environment: PublishedEnvironment, arguments: argparse.Namespace) -> Access:
    from yarnhub.environments.specification import Access

    named = Access(users=arguments.user, groups=arguments.group, everyone=arguments.everyone)
    if arguments.nobody:
        return Access()
    before = environment.access
    if before is None:
        raise ConfigurationError(
            f"the access control list of {environment.folder} cannot be changed here: use "
            "`hdfs dfs -setfacl`, or withdraw all access with --nobody"
        )
    if not arguments.remove:
        return Access(
            users=(*before.users, *named.users),
            groups=(*before.groups, *named.groups),
            everyone=before.everyone or named.everyone,
        )
    return Access(
        users=[each for each in before.users if each not in named.users],
        groups=[each for each in before.groups if each not in named.groups],
        everyone=before.everyone and not named.everyone,
    )


def _roll_back(arguments: argparse.Namespace) -> int:
    environment = asyncio.run(_roll_back_one(arguments))
    print(f"The current version of {environment.name} is {environment.current.number}")
    return 0


async def _roll_back_one(arguments: argparse.Namespace) -> PublishedEnvironment:
    async with opened_store(arguments.root) as store:
        number = arguments.version
        if number is None:
            found = await store.find(arguments.name)
            before = [e.number for e in found.versions if e.number < found.current.number]
            if not before:
                raise ConfigurationError(
                    f"{arguments.name} has no version before {found.current.number}"
                )
            number = before[-1]
        return await store.roll_back(arguments.name, number)


def _remove(arguments: argparse.Namespace) -> int:
    asyncio.run(_remove_all(arguments))
    return 0


async def _remove_all(arguments: argparse.Namespace) -> None:
    from yarnhub.client.access.settings import Settings
    from yarnhub.client.client import Client
    from yarnhub.environments.errors import EnvironmentInUseError
    from yarnhub.environments.published.usage import applications_using

    settings = Settings.from_environment(os.environ)
    async with opened_store(arguments.root) as store, Client(settings) as client:

        async def in_use(environment: PublishedEnvironment) -> tuple[str, ...]:
            return await applications_using(environment, client.resource_manager)

        async def delete(number: int | None) -> None:
            await store.delete(arguments.name, number, force=arguments.force, in_use=in_use)
            which = f"version {number} of " if number is not None else ""
            print(f"Deleted {which}{arguments.name}")

        if arguments.keep is None:
            await delete(arguments.version)
            return
        found = await store.find(arguments.name)
        old = [each.number for each in found.versions[: -arguments.keep]]
        unwanted = [number for number in old if number != found.current.number]
        for number in unwanted:
            try:
                await delete(number)
            except EnvironmentInUseError as error:
                print(f"Kept version {number}: {error}", file=sys.stderr)
        if not unwanted:
            print("There was nothing to delete.")
