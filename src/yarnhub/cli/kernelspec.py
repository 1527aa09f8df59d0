"""`yarnhub kernelspec`: kernelspecs whose kernels run in containers of YARN."""

from __future__ import annotations

import getpass
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError, SpecError
from yarnhub.cli import kernelspec_spark
from yarnhub.cli.kernelspec_install import (
    add_options,
    add_where,
    chosen_folder,
    install,
    is_where_given,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

_SOME_ID = "00000000-0000-4000-8000-000000000000"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `kernelspec`."""
    parser = subparsers.add_parser(
        "kernelspec",
        help="install, list, show, remove and convert kernelspecs for kernels on YARN",
        description="Kernelspecs whose kernels run in containers of YARN.",
    )
    commands = parser.add_subparsers(dest="action", metavar="COMMAND", required=True)
    _add_install(commands)
    _add_list(commands)
    _add_show(commands)
    _add_remove(commands)
    _add_convert(commands)


def _add_install(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "install",
        help="install a kernelspec",
        description="Writes a kernelspec for kernels in containers of YARN, for all users of this "
        "host by default. Everything is checked before anything is written.",
    )
    add_options(parser)
    parser.set_defaults(handler=install)


def _add_list(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "ls",
        help="list the kernelspecs for YARN",
        description="Lists the kernelspecs for YARN that Jupyter finds.",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON list of objects instead")
    parser.set_defaults(handler=_list)


def _add_show(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "show",
        help="show what a kernel would be requested with",
        description="Shows what a kernel of a kernelspec would be requested with.",
    )
    parser.add_argument("name", metavar="NAME", help="the kernelspec")
    parser.add_argument(
        "--request",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a variable of the request, for example 'KERNEL_MEMORY=8 GiB'; can be repeated",
    )
    parser.add_argument("--cwd", default="", metavar="DIR", help="the notebook's folder")
    parser.add_argument("--json", action="store_true", help="print a JSON object instead")
    parser.set_defaults(handler=_show)


def _add_remove(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "rm",
        help="remove kernelspecs for YARN",
        description="Removes kernelspecs for YARN; by default the ones that Jupyter uses.",
    )
    parser.add_argument("names", nargs="+", metavar="NAME", help="a kernelspec")
    add_where(parser.add_mutually_exclusive_group())
    parser.set_defaults(handler=_remove)


def _add_convert(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "convert",
        help="convert a kernelspec of Enterprise Gateway",
        description="Converts a kernel.json of Enterprise Gateway or gateway_provisioners, and "
        "names what has no equivalent.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the kernel.json")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="the new kernel.json; default: standard output"
    )
    kernelspec_spark.add_source(parser)
    parser.set_defaults(handler=_convert)


def _list(arguments: argparse.Namespace) -> int:
    from yarnhub.cli.kernelspec_folders import KernelspecFolders
    from yarnhub.cli.kernelspec_show import as_row, as_table

    rows = [as_row(each) for each in KernelspecFolders.of_jupyter().all() if each.is_ours]
    if arguments.json:
        print(json.dumps(rows, indent=2))
    elif rows:
        print("\n".join(as_table(rows)))
    else:
        print("There is no kernelspec for YARN: `yarnhub kernelspec install` installs one.")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from yarnhub.cli.kernelspec_folders import KernelspecFolders
    from yarnhub.cli.kernelspec_show import as_document, as_lines, notes
    from yarnhub.kernels.kernelspec import request_of

    found = KernelspecFolders.of_jupyter().find(arguments.name)
    spec = found.parse()
    user = getpass.getuser()
    try:
        request = request_of(
            spec.config,
            spec.spec,
            id=_SOME_ID,
            owner=user,
            user=user,
            asked=_variables(arguments.request),
            cwd=arguments.cwd,
        )
    except SpecError as error:
        raise ConfigurationError(str(error)) from error
    document = as_document(found, spec, request)
    print(json.dumps(document, indent=2) if arguments.json else "\n".join(as_lines(document)))
    for note in notes(spec):
        print(f"Note: {note}", file=sys.stderr)
    return 0


def _variables(definitions: list[str]) -> Mapping[str, str]:
    variables = {}
    for definition in definitions:
        name, equals, value = definition.partition("=")
        if not name or not equals:
            raise ConfigurationError(f"--request {definition}: expected NAME=VALUE")
        if not name.startswith("KERNEL_"):
            raise ConfigurationError(f"--request {definition}: its name must begin with KERNEL_")
        variables[name] = value
    return variables


def _remove(arguments: argparse.Namespace) -> int:
    from yarnhub.cli import kernelspec_folders as folders

    installed = folders.KernelspecFolders.of_jupyter()
    found = []
    for name in dict.fromkeys(arguments.names):
        if is_where_given(arguments):
            each = folders.read_kernelspec(chosen_folder(name.lower(), arguments))
        else:
            each = installed.find(name)
        if not each.is_ours:
            problem = each.problem or "it is not for YARN: use `jupyter kernelspec remove`"
            raise ConfigurationError(f"{each.folder} is not removed: {problem}")
        found.append(each)
    for each in found:
        folders.remove(each)
        print(f"Removed: {each.folder}")
    return 0


def _convert(arguments: argparse.Namespace) -> int:
    from yarnhub.base.files import read_regular
    from yarnhub.kernels.enterprise_gateway_kernelspec import convert
    from yarnhub.kernels.kernelspec_file import for_yarn, load

    file: Path = arguments.file
    with_spark = arguments.spark is not None
    if arguments.spark_root and not with_spark:
        raise ConfigurationError("--spark-root is for --spark: add it")
    try:
        converted = convert(load(read_regular(file, 1024 * 1024).decode()), spark=with_spark)
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigurationError(f"{file}: {error}") from error
    document = converted.document
    if with_spark:
        config = kernelspec_spark.added(arguments, converted.config, converted.settings)
        document = for_yarn(document, config)
    text = json.dumps(document, indent=2) + "\n"
    output: Path | None = arguments.output
    if output is None:
        sys.stdout.write(text)
    else:
        try:
            with output.open("x", encoding="utf-8") as new:
                new.write(text)
        except OSError as error:
            raise ConfigurationError(f"{output} cannot be written: {error.strerror}") from error
    for note in converted.notes:
        print(f"Note: {note}", file=sys.stderr)
    return 0
