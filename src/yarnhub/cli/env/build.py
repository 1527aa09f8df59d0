"""`yarnhub env build`."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError
from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.cli.cancellation import run_until_signal
from yarnhub.cli.env import inputs, publishing
from yarnhub.cli.env.opened import add_root

if TYPE_CHECKING:
    import argparse

    from yarnhub.environments.local_build.environment import BuiltEnvironment, Exists
    from yarnhub.environments.published.environment import PublishedEnvironment
    from yarnhub.environments.specification import EnvironmentSpec

_SUFFIXES = (".tar.gz", ".tgz")
"""What YARN unpacks with the permissions and the links of an environment."""
_MEBIBYTE = 1 << 20
_SHOWN_PROBLEMS = 20


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `build`."""
    parser = commands.add_parser(
        "build",
        help="build an environment on this machine",
        description="Resolves the packages, installs them with a copy of Python, or with conda's, "
        "and packs everything into one archive for nodes with the same processor architecture and "
        "the same or a newer glibc. No package is built from source.",
    )
    inputs.add_arguments(parser)
    parser.add_argument("--output", type=Path, metavar="FILE", help="the archive, a .tar.gz file")
    parser.add_argument("--force", action="store_true", help="replace the archive if it exists")
    parser.add_argument(
        "--publish",
        action="store_true",
        help="publish the environment in HDFS, unless it has a version with the same packages",
    )
    add_root(parser)
    parser.add_argument("--json", action="store_true", help="print a JSON object instead")
    parser.set_defaults(handler=_build)


def _build(arguments: argparse.Namespace) -> int:
    inputs.check_extra()
    from yarnhub.environments.errors import BuildError, error_text

    if arguments.publish == (arguments.output is not None):
        raise ConfigurationError("write either --output FILE or --publish")
    try:
        if arguments.publish:
            published = run_until_signal(_publish_all(arguments))
            publishing.print_published(published, as_json=arguments.json)
            return 0
        output = _checked_output(arguments.output, force=arguments.force)
        specification, built = run_until_signal(_build_all(arguments, output))
    except BuildError as error:
        print(error_text(error), file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps(_document(specification, built, output), indent=2))
    else:
        _print(specification, built, output)
    return 0


async def _build_all(
    arguments: argparse.Namespace, output: Path
) -> tuple[EnvironmentSpec, BuiltEnvironment]:
    from yarnhub.environments.local_build.environment import build

    site = await asyncio.to_thread(inputs.read_site, arguments.site)
    specification = await inputs.read_specification(arguments.specification, site, output.parent)
    return specification, await build(
        specification, site, output.parent, inputs.show, target=output
    )


async def _publish_all(arguments: argparse.Namespace) -> PublishedEnvironment:
    from yarnhub.environments.local_build.environment import build

    site = await asyncio.to_thread(inputs.read_site, arguments.site)
    with tempfile.TemporaryDirectory(prefix="yarnhub-env-") as name:
        folder = Path(name)
        specification = await inputs.read_specification(arguments.specification, site, folder)

        async def build_it(exists: Exists) -> BuiltEnvironment:
            return await build(specification, site, folder, inputs.show, exists=exists)

        return await publishing.publish(specification, arguments.root, build_it)


def _checked_output(output: Path, *, force: bool) -> Path:
    path = output.absolute()
    if not path.name.endswith(_SUFFIXES):
        raise ConfigurationError(
            f"{output} has to end with .tar.gz: YARN selects by the suffix how to unpack a file"
        )
    if not path.parent.is_dir():
        raise ConfigurationError(f"the folder {path.parent} does not exist")
    if path.is_dir():
        raise ConfigurationError(f"{output} is a folder")
    if path.exists() and not force:
        raise ConfigurationError(f"{output} exists: use another name, or --force to replace it")
    return path


def _document(
    specification: EnvironmentSpec, built: BuiltEnvironment, output: Path
) -> dict[str, object]:
    return {
        "name": specification.name,
        "key": built.key,
        "archive": str(output),
        "sha256": built.sha256,
        "size": built.size,
        "files": built.files,
        "python": built.python,
        "platform": built.platform,
        "glibc": built.glibc,
        "lock": built.lock,
        "conda_lock": built.conda_lock,
        "problems": [
            {"kind": each.kind.value, "file": each.file, "detail": each.detail}
            for each in built.problems
        ],
    }


def _print(specification: EnvironmentSpec, built: BuiltEnvironment, output: Path) -> None:
    size = max(1, built.size // _MEBIBYTE)
    print(f"Built: {output} ({size} MiB, {built.files} files)")
    print(f"Name: {specification.name}")
    print(f"Python: {built.python}, for {built.platform} with glibc {built.glibc} or newer")
    print(f"Key: {built.key}")
    for each in built.problems[:_SHOWN_PROBLEMS]:
        print(f"Warning: {clean_and_cut(str(each), lines=False)}", file=sys.stderr)
    more = len(built.problems) - _SHOWN_PROBLEMS
    if more > 0:
        print(f"Warning: and {more} more; --json lists all", file=sys.stderr)
