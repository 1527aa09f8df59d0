"""Add Hadoop versions to the jars that the embedded cluster knows, with their SHA-256 sums.

    python scripts/known_jars.py 3.4.3 3.5.0
    python scripts/known_jars.py native

jgo resolves them; where it cannot read a POM, as with Hadoop 3.1, Maven does, which must then be
installed. Each jar is downloaded and checked against the repository's own sum.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.cluster import jars
from yarnhub.cluster.errors import DownloadError
from yarnhub.cluster.jars import (
    EXCLUDED_LOGGING_BINDING,
    KNOWN_JARS,
    LOGGING_BINDING,
    ROUTER_SUFFIX,
    Jar,
    root_artifacts,
)
from yarnhub.cluster.native import NATIVE

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = Path(jars.__file__).parent
ALSO = {"3.1.4": ("javax.activation:javax.activation-api:1.2.0",)}
"""What a version needs on a Java that is younger than itself."""
NATIVE_JAR = "io/trino/hadoop/hadoop-apache/3.4.3-1/hadoop-apache-3.4.3-1.jar"
DEPENDENCY = re.compile(
    r"^ +([^:\s]+):([^:]+):jar:(?:([^:]+):)?([^:]+):(?:compile|runtime)\b", re.MULTILINE
)


def main(versions: Sequence[str]) -> int:
    """Resolve each version and write it into the table."""
    known = jars.parse_table((FOLDER / KNOWN_JARS).read_text(encoding="ascii"))
    for version in versions:
        for each in known.values():
            each.discard(version)
        for jar in asyncio.run(with_sums(resolve(version))):
            known.setdefault(jar, set()).add(version)
        print(f"Hadoop {version}: {sum(version in each for each in known.values())} jars")
    table = {jar: each for jar, each in known.items() if each}
    (FOLDER / KNOWN_JARS).write_text(jars.format_table(table), encoding="ascii")
    return 0


def resolve(version: str) -> list[Jar]:
    """The jars of a version, their sums yet unknown; `3.4.2-router` is the Router's alone."""
    if version == NATIVE:
        return [Jar(NATIVE_JAR, None)]
    if version.endswith(ROUTER_SUFFIX):
        number = version.removesuffix(ROUTER_SUFFIX)
        folder = f"org/apache/hadoop/hadoop-yarn-server-router/{number}"
        return [Jar(f"{folder}/hadoop-yarn-server-router-{number}.jar", None)]
    try:
        found = jars.resolve_jars(version, None)
    except DownloadError as error:
        print(f"{error}: asking Maven")
        found = ask_maven(version)
    return found


def ask_maven(version: str) -> list[Jar]:
    """The same from Maven, which reads POMs that are not well-formed."""
    roots = [
        *(f"{root}:{version}" for root in root_artifacts(version)),
        LOGGING_BINDING,
        *ALSO.get(version, ()),
    ]
    dependencies = "".join(
        "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version>"
        "</dependency>".format(*root.split(":"))
        for root in roots
    )
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "pom.xml").write_text(
            "<project><modelVersion>4.0.0</modelVersion><groupId>known</groupId>"
            "<artifactId>jars</artifactId><version>1</version>"
            f"<dependencies>{dependencies}</dependencies></project>",
            encoding="ascii",
        )
        command = ["mvn", "-B", "-q", "dependency:list", "-DoutputFile=list"]
        subprocess.run(command, cwd=folder, check=True)
        text = Path(folder, "list").read_text(encoding="ascii")
    paths = {
        f"{group.replace('.', '/')}/{name}/{version}/{name}-{version}{kind and f'-{kind}'}.jar"
        for group, name, kind, version in DEPENDENCY.findall(text)
        if name != EXCLUDED_LOGGING_BINDING
    }
    return [Jar(path, None) for path in sorted(paths)]


async def with_sums(found: Sequence[Jar]) -> list[Jar]:
    """The same jars with their sums; all of them are downloaded."""
    with tempfile.TemporaryDirectory() as folder:
        repository = jars.central()
        sums = await jars.download_jars(found, Path(folder), repository, lambda *_: None)
    return [Jar(jar.path, sums[jar.name]) for jar in found]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
