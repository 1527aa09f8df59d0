"""`yarnhub kernelspec install`: its options, and the `kernel.json` that they become."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError, SpecError
from yarnhub.cli import kernelspec_spark

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.cli.kernelspec_folders import KernelspecFolders
    from yarnhub.kernels.kernelspec_file import KernelspecFile

_LARGEST = 1024 * 1024
"""Bytes of a file with settings."""
_TEXTS = {
    "queue": ("QUEUE", "the queue; default: default"),
    "memory": ("SIZE", "memory, for example '4 GiB'; default: 1 GiB"),
    "node_label": ("LABEL", "the node label"),
    "environment": (
        "PATH",
        "an archive in HDFS with the kernel's environment, or the path of a folder on every node",
    ),
    "python": ("PATH", "the Python for the launcher, if the environment has none of 3.11 or newer"),
    "prologue": ("LINES", "shell lines to run in the container before the kernel starts"),
    "cwd": ("DIR", "the folder on the nodes to start in; default: an empty folder"),
    "transport": ("NAME", "ipc, or tcp for kernels that cannot bind Unix sockets; default: ipc"),
}
_NUMBERS = {
    "vcores": "virtual cores; default: 1",
    "gpus": "GPUs; default: 0",
    "priority": "the priority among the queue's applications; default: 0",
}
_REPEATED = {
    "--env": ("NAME=VALUE", "a variable of the kernel"),
    "--shared-folder": (
        "DIR",
        "a folder that the nodes have too; kernels start in their notebook's folder",
    ),
    "--limit": (
        "NAME=BOUND",
        "what a request can change: 'KERNEL_MEMORY=16 GiB', KERNEL_QUEUE=default,research, ...",
    ),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `install`."""
    parser.add_argument(
        "name",
        nargs="?",
        default="",
        metavar="NAME",
        help="default: yarn-python, yarn-spark, yarn-scala or yarn-r",
    )
    parser.add_argument(
        "--language",
        default="",
        help="python (ipykernel; the default), scala (with --spark), r (IRkernel), or the language "
        "of --argv",
    )
    parser.add_argument(
        "--template",
        type=Path,
        metavar="FILE",
        help="the kernel.json of another kernelspec, whose kernel, logos and names are used",
    )
    parser.add_argument("--display-name", default="", metavar="NAME", help="the name for users")
    for key, (metavar, help_text) in _TEXTS.items():
        parser.add_argument(_option(key), metavar=metavar, help=help_text)
    for key, help_text in _NUMBERS.items():
        parser.add_argument(_option(key), type=int, metavar="N", help=help_text)
    for option, (metavar, help_text) in _REPEATED.items():
        parser.add_argument(
            option,
            action="append",
            default=[],
            metavar=metavar,
            help=f"{help_text}; can be repeated",
        )
    kernelspec_spark.add_options(parser)
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="a JSON file with more keys of `config`"
    )
    add_where(parser.add_mutually_exclusive_group())
    parser.add_argument("--replace", action="store_true", help="replace an existing kernelspec")
    parser.add_argument(
        "--argv",
        nargs=argparse.REMAINDER,
        default=[],
        metavar="WORD",
        help="the rest of the line is the command of another kernel, with {connection_file}",
    )


def add_where(group: argparse._MutuallyExclusiveGroup) -> None:
    """Add the options for a kernelspec's folder; the default is the host's."""
    group.add_argument("--user", action="store_true", help="for this user only")
    group.add_argument("--prefix", default="", metavar="DIR", help="in DIR/share/jupyter/kernels")
    group.add_argument(
        "--sys-prefix", action="store_true", help="in the environment that yarnhub is installed in"
    )


def is_where_given(arguments: argparse.Namespace) -> bool:
    """Whether an option of `add_where` was used."""
    return bool(arguments.user or arguments.prefix or arguments.sys_prefix)


def chosen_folder(name: str, arguments: argparse.Namespace) -> Path:
    """The folder of a kernelspec according to the options of `add_where`.

    Raises:
        ConfigurationError: Jupyter is not installed.
    """
    from yarnhub.cli.kernelspec_folders import destination

    return destination(
        name, user=arguments.user, prefix=arguments.prefix, sys_prefix=arguments.sys_prefix
    )


def _option(key: str) -> str:
    return f"--{key.replace('_', '-')}"


def install(arguments: argparse.Namespace) -> int:
    """Check everything, then write the kernelspec."""
    from yarnhub.cli import kernelspec_folders as folders
    from yarnhub.kernels.kernelspec_file import check_name, for_yarn, parse

    template, resources = _template(arguments)
    try:
        name = check_name(arguments.name or _default_name(arguments))
        display_name = arguments.display_name or _display_name(arguments)
        document = for_yarn(template, _config(arguments), display_name)
        found = parse(name, document)
    except SpecError as error:
        raise ConfigurationError(str(error)) from error
    folder = chosen_folder(name, arguments)
    installed = folders.KernelspecFolders.of_jupyter()
    folders.check_destination(folder, replace=arguments.replace)
    text = json.dumps(document, indent=2) + "\n"
    folders.write(folder, text, resources, public=not arguments.user)
    print(f"Installed: {found.display_name} ({name}) in {folder}")
    for note in _notes(installed, folder, found):
        print(f"Note: {note}", file=sys.stderr)
    return 0


def _template(arguments: argparse.Namespace) -> tuple[Mapping[str, object], dict[str, bytes]]:
    """The document that the provisioner is added to, and the logos."""
    from yarnhub.cli.kernelspec_folders import FILE, resources_in
    from yarnhub.kernels.kernelspec_file import LANGUAGES, SPARK_LANGUAGES

    language = arguments.language or "python"
    if arguments.template is not None:
        if arguments.argv or arguments.language:
            raise ConfigurationError("--template has the kernel's language and argv: use it alone")
        path: Path = arguments.template
        file = path / FILE if path.is_dir() else path
        document = _read_document("--template", file)
        if "process_proxy" in str(document.get("metadata")):
            raise ConfigurationError(
                f"--template {path} is Enterprise Gateway's: use `yarnhub kernelspec convert`"
            )
        return document, resources_in(file.parent)
    if arguments.argv:
        if not arguments.language:
            raise ConfigurationError("--argv needs the --language of the kernel")
        title = f"{language.capitalize()} on YARN"
        return {"argv": arguments.argv, "language": language, "display_name": title}, {}
    languages = {**LANGUAGES, **SPARK_LANGUAGES}
    if arguments.spark is None and language.lower() not in LANGUAGES:
        if language.lower() in SPARK_LANGUAGES:
            raise ConfigurationError(f"--language {language} is for kernels with --spark: add it")
        known = " and ".join(LANGUAGES)
        raise ConfigurationError(
            f"--language {language}: only {known} are known; write the kernel's command with "
            "--argv, or use its kernel.json with --template"
        )
    # With Spark, others are refused together with its other options.
    return languages.get(language.lower(), {}), _logos(language.lower())


def _logos(language: str) -> dict[str, bytes]:
    """The logos of ipykernel, if it is installed."""
    from yarnhub.cli.kernelspec_folders import resources_in

    found = importlib.util.find_spec("ipykernel") if language == "python" else None
    if found is None or found.origin is None:
        return {}
    return resources_in(Path(found.origin).parent / "resources")


def _default_name(arguments: argparse.Namespace) -> str:
    language = (arguments.language or "python").lower()
    if arguments.template is not None or arguments.argv:
        raise ConfigurationError("write a NAME for the kernelspec")
    with_spark = arguments.spark is not None and language == "python"
    return "yarn-spark" if with_spark else f"yarn-{language}"


def _display_name(arguments: argparse.Namespace) -> str:
    """The name for users, if the template's is not enough."""
    named = arguments.template is not None or arguments.language.lower() not in ("", "python")
    return "Python with Spark on YARN" if arguments.spark is not None and not named else ""


def _config(arguments: argparse.Namespace) -> dict[str, object]:
    """The provisioner's `config`."""
    config: dict[str, object] = {}
    if arguments.config is not None:
        config |= _read_document("--config", arguments.config)
    settings = dict(_pair("--spark-setting", each) for each in arguments.spark_setting)
    config = dict(kernelspec_spark.with_spark(arguments, config, settings))
    for key in (*_TEXTS, *_NUMBERS):
        if (value := getattr(arguments, key)) is not None:
            config[key] = value
    if arguments.env:
        config["env"] = dict(_pair("--env", each) for each in arguments.env)
    if arguments.shared_folder:
        config["shared_folders"] = arguments.shared_folder
    if arguments.limit:
        config["limits"] = dict(_limit(each) for each in arguments.limit)
    return config


def _read_document(option: str, path: Path) -> Mapping[str, object]:
    from yarnhub.base.files import read_limited
    from yarnhub.kernels.kernelspec_file import load

    try:
        return load(read_limited(path, _LARGEST).decode())
    except OSError as error:
        raise ConfigurationError(f"{option} {path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigurationError(f"{option} {path}: {error}") from error


def _pair(option: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise ConfigurationError(f"{option} {text}: expected NAME=VALUE")
    return name, value


def _limit(text: str) -> tuple[str, object]:
    name, bound = _pair("--limit", text)
    if name in ("KERNEL_QUEUE", "KERNEL_NODE_LABEL"):
        return name, bound.split(",")
    is_amount = bound.isdecimal() and name != "KERNEL_MEMORY"
    return name, int(bound) if is_amount else bound


def _notes(installed: KernelspecFolders, folder: Path, found: KernelspecFile) -> list[str]:
    """Notes for the author."""
    from yarnhub.cli.kernelspec_show import notes

    about = []
    if (other := installed.hiding(folder.name, folder)) is not None:
        about.append(f"Jupyter uses {other} instead, which has the same name.")
    elif not installed.is_searched(folder):
        about.append(f"Jupyter in {sys.prefix} does not search {folder.parent}: set JUPYTER_PATH.")
    return [*about, *notes(found)]
