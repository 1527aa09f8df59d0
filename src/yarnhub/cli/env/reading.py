"""`yarnhub env ls`, `show` and `diff`."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError
from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.cli.env import descriptions
from yarnhub.cli.env.opened import add_root, opened_store
from yarnhub.cli.numbers import positive

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from yarnhub.environments.published.difference import Difference
    from yarnhub.environments.published.environment import (
        PublishedEnvironment,
        PublishedVersion,
        Survey,
    )

_NAME = "the name of your environment, or OWNER/NAME for one that is shared with you"
_SHOWN = 20
"""Warnings of one kind."""


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `ls`, `show` and `diff`."""
    listing = commands.add_parser(
        "ls",
        help="list published environments",
        description="Lists your environments, and those that others share with you.",
    )
    listing.set_defaults(handler=_list)
    show = commands.add_parser(
        "show",
        help="show a published environment",
        description="Shows an environment: its versions, its packages, and who can use it.",
    )
    show.add_argument("name", metavar="NAME", help=_NAME)
    show.add_argument(
        "--version", type=positive, metavar="NUMBER", help="the version; default: the current one"
    )
    locks = show.add_mutually_exclusive_group()
    locks.add_argument(
        "--lock", action="store_true", help="print only the lock, to build the same versions again"
    )
    locks.add_argument(
        "--conda-lock", action="store_true", help="print only the lock of the conda packages"
    )
    show.set_defaults(handler=_show)
    diff = commands.add_parser(
        "diff",
        help="compare two versions of an environment",
        description="Lists the packages that differ between two versions of an environment.",
    )
    diff.add_argument("name", metavar="NAME", help=_NAME)
    diff.add_argument(
        "old",
        type=positive,
        nargs="?",
        metavar="OLD",
        help="the number of a version; default: the version before NEW",
    )
    diff.add_argument(
        "new",
        type=positive,
        nargs="?",
        metavar="NEW",
        help="the number of another version; default: the current one",
    )
    diff.set_defaults(handler=_diff)
    for each in (listing, show, diff):
        add_root(each)
        each.add_argument("--json", action="store_true", help="print JSON instead")


def _list(arguments: argparse.Namespace) -> int:
    user, survey = asyncio.run(_survey(arguments.root))
    if arguments.json:
        found = [descriptions.document(each) for each in survey.environments]
        damaged = [descriptions.damage(each) for each in survey.damaged]
        unread = [descriptions.unread(*each) for each in survey.unread.items()]
        print(json.dumps([*found, *damaged, *unread], indent=2))
        return 0
    if survey.environments:
        print("\n".join(descriptions.table([*_rows(survey, user)])))
    else:
        print("There are no environments: see `yarnhub env create`.")
    for line in _warnings(survey, user):
        print(f"Warning: {clean_and_cut(line, lines=False)}", file=sys.stderr)
    return 0


def _warnings(survey: Survey, user: str) -> Iterator[str]:
    for each in survey.damaged[:_SHOWN]:
        advice = f"; delete it with `yarnhub env rm {each.id}`" if each.owner == user else ""
        yield f"{each.url} of {each.owner} cannot be used: {each.problem}{advice}"
    if len(survey.damaged) > _SHOWN:
        yield f"and {len(survey.damaged) - _SHOWN} more folders; --json lists all"
    for owner, count in [*survey.unread.items()][:_SHOWN]:
        yield (
            f"environments of {owner} are missing from this list ({count}), because reading all "
            f"takes too long: show one with `yarnhub env show {owner}/NAME`"
        )
    if len(survey.unread) > _SHOWN:
        yield f"and of {len(survey.unread) - _SHOWN} more users; --json lists all"


def _rows(survey: Survey, user: str) -> Iterator[tuple[str, ...]]:
    yield "NAME", "VERSION", "PYTHON", "KERNEL", "SIZE", "PUBLISHED", "SHARED WITH"
    for each in survey.environments:
        manifest = each.manifest
        yield (
            clean_and_cut(descriptions.name_of(each, user), lines=False),
            str(each.current.number),
            manifest.python or "unknown",
            "yes" if manifest.has_kernel else "no",
            descriptions.size_of(each.size),
            descriptions.time_of(each.current),
            clean_and_cut(descriptions.readers(each), lines=False),
        )


async def _survey(root: str) -> tuple[str, Survey]:
    async with opened_store(root) as store:
        return store.user, await store.survey()


def _show(arguments: argparse.Namespace) -> int:
    return asyncio.run(_show_one(arguments))


async def _show_one(arguments: argparse.Namespace) -> int:
    async with opened_store(arguments.root) as store:
        environment = await store.find(arguments.name)
        version = _version(environment, arguments.version or environment.current.number)
        if arguments.lock:
            built = await store.specification(environment, version)
            if built is None:
                raise ConfigurationError(f"{arguments.name} was imported, and has no lock")
            print(built[1], end="")
            return 0
        if arguments.conda_lock:
            lock = await store.conda_lock(environment, version)
            if not lock:
                raise ConfigurationError(f"{arguments.name} was not built of conda packages")
            print(lock, end="")
            return 0
    if arguments.json:
        print(json.dumps(descriptions.document(environment), indent=2))
        return 0
    for line in descriptions.text(environment, version):
        print(clean_and_cut(line))
    for line in descriptions.warnings(environment, version):
        print(line, file=sys.stderr)
    return 0


def _diff(arguments: argparse.Namespace) -> int:
    from yarnhub.environments.published.difference import difference

    environment = asyncio.run(_find(arguments))
    old, new = _pair(environment, arguments.old, arguments.new)
    found = difference(old.manifest, new.manifest)
    if arguments.json:
        print(json.dumps(_diff_document(old, new, found), indent=2))
        return 0
    print(f"Version {old.number} -> {new.number} of {environment.name}")
    for line in _diff_lines(found):
        print(line)
    return 0


async def _find(arguments: argparse.Namespace) -> PublishedEnvironment:
    async with opened_store(arguments.root) as store:
        return await store.find(arguments.name)


def _pair(
    environment: PublishedEnvironment, old: int | None, new: int | None
) -> tuple[PublishedVersion, PublishedVersion]:
    latter = _version(environment, new or environment.current.number)
    if old is not None:
        return _version(environment, old), latter
    before = [each for each in environment.versions if each.number < latter.number]
    if not before:
        raise ConfigurationError(
            f"{environment.name} has no version before {latter.number}: there is nothing to compare"
        )
    return before[-1], latter


def _version(environment: PublishedEnvironment, number: int) -> PublishedVersion:
    for each in environment.versions:
        if each.number == number:
            return each
    known = ", ".join(str(each.number) for each in environment.versions)
    raise ConfigurationError(f"{environment.name} has no usable version {number}, only {known}")


def _diff_lines(found: Difference) -> Iterator[str]:
    for what, pair in (("Python", found.python), ("Platform", found.platform)):
        if pair is not None:
            yield f"{what}: {pair[0] or 'unknown'} -> {pair[1] or 'unknown'}"
    yield from (f"+ {name} {version}" for name, version in found.added.items())
    yield from (f"- {name} {version}" for name, version in found.removed.items())
    yield from (f"~ {name} {old} -> {new}" for name, (old, new) in found.changed.items())
    if not (found.added or found.removed or found.changed):
        same = "The versions are the same." if found.same else "The packages are the same."
        yield same
    sign = "+" if found.size >= 0 else "-"
    yield f"Size: {sign}{descriptions.size_of(abs(found.size))}"


def _diff_document(
    old: PublishedVersion, new: PublishedVersion, found: Difference
) -> dict[str, object]:
    return {
        "old": old.number,
        "new": new.number,
        "same": found.same,
        "python": found.python,
        "platform": found.platform,
        "added": dict(found.added),
        "removed": dict(found.removed),
        "changed": dict(found.changed),
        "size": found.size,
    }
