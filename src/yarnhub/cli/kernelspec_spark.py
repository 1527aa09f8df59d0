"""`yarnhub kernelspec install --spark`: what a kernelspec has for Spark."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from yarnhub.integrations.spark.published import PublishedSpark

MEMORY = "2 GiB"
"""Of a kernel with Spark, unless it is given: its driver has a JVM of its own."""
PYTHON, SCALA = "python", "scala"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `install`."""
    add_source(parser)
    parser.add_argument(
        "--spark-setting",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a property of Spark, such as spark.executor.memory=4g; can be repeated",
    )


def add_source(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a published Spark."""
    parser.add_argument(
        "--spark",
        nargs="?",
        const="",
        metavar="VERSION",
        help="with `spark` and `sc` in the kernel's cells, from what `yarnhub spark publish` has "
        "published; default: the newest version",
    )
    parser.add_argument(
        "--spark-root", default="", metavar="FOLDER", help="its folder; default: /yarnhub/spark"
    )
    parser.add_argument(
        "--spark-connect",
        nargs="?",
        const="",
        metavar="PORTS",
        help="users can start Spark Connect servers with this kernelspec; default: on any free "
        "port of a node, otherwise on one of a range such as 40000-41000",
    )


def with_spark(
    arguments: argparse.Namespace, config: Mapping[str, object], settings: Mapping[str, str]
) -> Mapping[str, object]:
    """The provisioner's `config` with Spark, if the command has `--spark`.

    Args:
        arguments: The command's.
        config: Without Spark.
        settings: Spark's properties.

    Raises:
        ConfigurationError: Spark is not published, or an option is not for this kernel.
    """
    if arguments.spark is None:
        if settings or arguments.spark_root or arguments.spark_connect is not None:
            raise ConfigurationError(
                "--spark-setting, --spark-root and --spark-connect are for --spark: add it"
            )
        return config
    language = (arguments.language or PYTHON).lower()
    if arguments.argv or language not in (PYTHON, SCALA):
        raise ConfigurationError(
            "--spark is for ipykernel, with cells in Python or Scala: leave out --argv, and "
            "--language or write --language scala"
        )
    return added(arguments, config, settings, language)


def added(
    arguments: argparse.Namespace,
    config: Mapping[str, object],
    settings: Mapping[str, str],
    language: str = PYTHON,
) -> Mapping[str, object]:
    """The provisioner's `config` with the Spark that the options of `add_source` name.

    Raises:
        ConfigurationError: Spark is not published.
    """
    from yarnhub.integrations.spark.kernelspec import kernelspec_files, yarnhub_spark_settings

    published = asyncio.run(_published(arguments.spark_root, arguments.spark))
    merged: dict[str, object] = {}
    for key, files in kernelspec_files(published).items():
        others = config.get(key)
        merged[key] = {**(others if isinstance(others, dict) else {}), **files}
    spark = yarnhub_spark_settings(published, settings)
    if language != PYTHON:
        spark["language"] = language
    if arguments.spark_connect is not None:
        spark |= {"connect": True, "connect_ports": arguments.spark_connect}
    return {"memory": MEMORY, **config, **merged, "spark": spark}


async def _published(root: str, version: str) -> PublishedSpark:
    from yarnhub.client.access.settings import Settings
    from yarnhub.client.files.file_systems import user_file_system
    from yarnhub.integrations.spark.published import ROOT, find_version

    settings = Settings.from_environment(os.environ)
    async with user_file_system(settings, root or ROOT) as file_system:
        return await find_version(file_system, root or ROOT, version)
