"""The parts of a kernelspec for Spark: the files of its kernels, and the driver's settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError
from yarnhub.integrations.spark.driver.java import LIBS, class_data_name
from yarnhub.spec import File, FileType, FileVisibility

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from yarnhub.integrations.spark.published import PublishedFile, PublishedSpark


def kernelspec_files(
    published: PublishedSpark, java_builds: Collection[str] | None = None
) -> dict[str, dict[str, object]]:
    """The keys `files` and `archives` of a kernelspec's `config`.

    Every node has one copy of them, for all users.

    Args:
        published: The Spark.
        java_builds: The Javas of the nodes for which class data is used, since every node of a
            kernel downloads the class data of each; None for all that were published.

    Raises:
        ConfigurationError: There is no class data for one of them.
    """
    files = {each.name: each for each in (published.pyspark, published.py4j_zip)}
    for build in _builds(published, java_builds):
        files[class_data_name(build)] = published.class_data[build]
    return {
        "archives": {LIBS: _document(published.libs, FileType.ARCHIVE)},
        "files": {name: _document(each, FileType.FILE) for name, each in files.items()},
    }


def yarnhub_spark_settings(
    published: PublishedSpark,
    settings: Mapping[str, str],
    java_builds: Collection[str] | None = None,
) -> dict[str, object]:
    """The settings of the driver's process for kernels with `kernelspec_files`.

    Args:
        published: The Spark.
        settings: Spark's own settings: names that begin with `spark.`.
        java_builds: As for `kernelspec_files`.

    Raises:
        ConfigurationError: A setting is not one of Spark's, or there is no class data for a build.
    """
    for name, value in settings.items():
        if not name.startswith("spark.") or not isinstance(value, str):
            raise ConfigurationError(
                f"{name!r}: settings of Spark have names that begin with 'spark.', and texts as "
                "values"
            )
    python = (published.pyspark, published.py4j_zip)
    builds = _builds(published, java_builds)
    return {
        "version": published.version,
        "libs": LIBS,
        "class_data": {build: class_data_name(build) for build in builds},
        "archive": published.libs.url,
        "class_data_urls": {build: published.class_data[build].url for build in builds},
        "python": [each.name for each in python],
        "python_urls": [each.url for each in python],
        "settings": dict(settings),
    }


def _builds(published: PublishedSpark, wanted: Collection[str] | None) -> list[str]:
    known = published.class_data
    unknown = sorted(set(wanted or ()) - known.keys())
    if unknown:
        there = f"only for {', '.join(sorted(known))}" if known else "for none"
        raise ConfigurationError(
            f"Spark {published.version} in {published.folder} has no class data for Java "
            f"{unknown[0]}, {there}: publish it with `yarnhub spark publish --java-home`"
        )
    return sorted(known if wanted is None else set(wanted))


def _document(file: PublishedFile, kind: FileType) -> dict[str, object]:
    return File(
        source=file.url,
        type=kind,
        visibility=FileVisibility.PUBLIC,
        size=file.size,
        timestamp=file.timestamp,
    ).to_dict()
