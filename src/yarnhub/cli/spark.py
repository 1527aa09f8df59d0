"""`yarnhub spark`: Spark in HDFS, for kernels and for scripts."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.cli import spark_connect, spark_run
from yarnhub.cli.cancellation import run_until_signal
from yarnhub.cli.numbers import positive
from yarnhub.cli.spark_root import checked_root

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from yarnhub.integrations.spark.published import FoundFolder, PublishedSpark

_MEBIBYTE = 1 << 20


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `spark`."""
    parser = subparsers.add_parser(
        "spark",
        help="publish Spark in HDFS, run scripts with it, and start Spark Connect",
        description="Spark in HDFS, from where every node downloads it once for all users.",
    )
    commands = parser.add_subparsers(dest="action", metavar="COMMAND", required=True)
    _add_publish(commands)
    _add_list(commands)
    _add_sweep(commands)
    spark_run.add_parsers(commands)
    spark_connect.add_parser(commands)


def _add_publish(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "publish",
        help="upload an installed Spark",
        description="Uploads the jars and the Python of an installed Spark to HDFS, and class "
        "data, with which Spark starts in half of the time. What is already published is not "
        "uploaded again. Run it as a user who may write to the root: others run this code.",
    )
    parser.add_argument(
        "--from",
        dest="source",
        default="",
        metavar="PATH",
        help="the folder of PySpark or of a Spark distribution, or a Python environment with "
        "PySpark; default: the environment that yarnhub is installed in",
    )
    _add_root(parser)
    parser.add_argument(
        "--java-home",
        action="append",
        type=Path,
        default=[],
        metavar="DIR",
        help="a Java of the nodes, for which class data is created; can be repeated; default: "
        "JAVA_HOME, or the java on PATH",
    )
    parser.add_argument(
        "--no-class-data",
        action="store_true",
        help="upload no class data: needs no Java, and Spark starts more slowly",
    )
    parser.set_defaults(handler=_publish)


def _add_list(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "list", help="list what is published", description="Lists the published versions of Spark."
    )
    _add_root(parser)
    parser.add_argument("--json", action="store_true", help="print a JSON list of objects instead")
    parser.set_defaults(handler=_list)


def _add_sweep(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "sweep",
        help="delete unfinished uploads and old versions",
        description="Deletes folders of publications that were interrupted, and with --keep old "
        "versions. Nothing that has changed within a day is deleted. Kernels of kernelspecs that "
        "name a deleted version do not start: install those kernelspecs again first.",
    )
    _add_root(parser)
    parser.add_argument(
        "--keep",
        type=positive,
        metavar="N",
        help="how many of the newest versions to keep; default: all",
    )
    parser.set_defaults(handler=_sweep)


def _add_root(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--root",
        default="",
        metavar="FOLDER",
        help="the folder in HDFS; default: /yarnhub/spark",
    )


def _publish(arguments: argparse.Namespace) -> int:
    return run_until_signal(_publish_all(arguments))


async def _publish_all(arguments: argparse.Namespace) -> int:
    from yarnhub.client.access.settings import Settings
    from yarnhub.client.files.file_systems import user_file_system
    from yarnhub.integrations.spark import class_data
    from yarnhub.integrations.spark.installation import find_installation
    from yarnhub.integrations.spark.publication import Publication

    installation = find_installation(arguments.source)
    homes = (
        () if arguments.no_class_data else class_data.java_homes(arguments.java_home, os.environ)
    )
    javas = [await class_data.examine(home, installation.version) for home in homes]
    settings = Settings.from_environment(os.environ)
    root = checked_root(arguments.root)
    async with user_file_system(settings, root) as file_system:
        publication = Publication(file_system, root, settings.user_name, _say)
        spark, sent = await publication.publish(installation, javas)
    print(f"Published: Spark {spark.version} in {spark.folder}")
    print(f"Class data for Java: {', '.join(sorted(spark.class_data)) or 'none'}")
    if not sent:
        print("Everything had been published before: nothing was uploaded.")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    rows = [_row(each) for each in asyncio.run(_found(checked_root(arguments.root)))]
    if arguments.json:
        print(json.dumps(rows, indent=2))
    elif rows:
        print("\n".join(_table(rows)))
    else:
        print(
            f"No Spark is published in {checked_root(arguments.root)}: see `yarnhub spark publish`."
        )
    return 0


async def _found(root: str) -> Sequence[FoundFolder]:
    from yarnhub.client.access.settings import Settings
    from yarnhub.client.files.file_systems import user_file_system
    from yarnhub.integrations.spark.published import find_all

    settings = Settings.from_environment(os.environ)
    async with user_file_system(settings, root) as file_system:
        return await find_all(file_system, root)


def _row(found: FoundFolder) -> dict[str, object]:
    from datetime import UTC, datetime

    spark: PublishedSpark | None = found.spark
    if spark is None:
        problem = found.problem or "not finished"
        return {"folder": found.url, "problem": problem}
    return {
        "version": spark.version,
        "content": spark.content,
        "java_builds": sorted(spark.class_data),
        "size": spark.size,
        "published": datetime.fromtimestamp(spark.published, UTC).isoformat(),
        "folder": spark.folder,
        "problem": "",
    }


def _table(rows: Sequence[dict[str, object]]) -> Iterator[str]:
    table = [("VERSION", "SIZE", "PUBLISHED", "CLASS DATA FOR JAVA", "FOLDER")]
    for row in rows:
        if row["problem"]:
            continue
        builds, size = row["java_builds"], row["size"]
        assert isinstance(builds, list)
        assert isinstance(size, int)
        when = str(row["published"])[:16].replace("T", " ")
        shown = ", ".join(builds) or "none"
        folder = str(row["folder"])
        table.append((str(row["version"]), f"{size // _MEBIBYTE} MiB", when, shown, folder))
    widths = [max(len(row[column]) for row in table) for column in range(4)]
    if len(table) > 1:
        for cells in table:
            padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=False)]
            yield "  ".join([*padded, cells[4]])
    for row in rows:
        if row["problem"]:
            yield clean_and_cut(f"{row['folder']}: {row['problem']}", lines=False)


def _sweep(arguments: argparse.Namespace) -> int:
    return asyncio.run(_sweep_all(arguments))


async def _sweep_all(arguments: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from yarnhub.client.access.settings import Settings
    from yarnhub.client.files.file_systems import user_file_system
    from yarnhub.integrations.spark.publication import Publication

    settings = Settings.from_environment(os.environ)
    root = checked_root(arguments.root)
    async with user_file_system(settings, root) as file_system:
        publication = Publication(file_system, root, settings.user_name, _say)
        deleted = await publication.sweep(datetime.now(UTC).timestamp(), arguments.keep)
    print("\n".join(f"Deleted: {each}" for each in deleted) or "There was nothing to delete.")
    return 0


def _say(line: str) -> None:
    print(clean_and_cut(line), file=sys.stderr, flush=True)
