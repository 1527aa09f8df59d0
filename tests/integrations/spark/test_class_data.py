"""The Java that class data is created for."""

from __future__ import annotations

from pathlib import Path

import pytest

from integrations.spark import installations
from yarnhub.base.errors import ConfigurationError
from yarnhub.integrations.spark import class_data


@pytest.mark.parametrize(
    ("program", "build", "expected"),
    [
        ("#!/bin/sh\necho 'Module jdk.incubator.vector not found'\nexit 1\n", "21", "Module jdk"),
        ("#!/bin/sh\nexit 0\n", "11.0.20", "Spark 4.3.0 needs Java 17 or newer, and not Java 11"),
    ],
)
async def test_a_java_that_does_not_run_spark_is_refused(
    tmp_path: Path, program: str, build: str, expected: str
) -> None:
    home = installations.java(tmp_path / "java", build, program)
    with pytest.raises(ConfigurationError, match=f"{home}.*{expected}"):
        await class_data.examine(home, "4.3.0")


async def test_a_java_that_is_too_new_for_a_spark_is_refused(tmp_path: Path) -> None:
    home = installations.java(tmp_path / "java", "25.0.3+9-LTS", "#!/bin/sh\nexit 0\n")
    expected = f"{home}: Spark 4.1.4 needs Java 17 to 22, and not Java 25.0.3"
    with pytest.raises(ConfigurationError, match=expected):
        await class_data.examine(home, "4.1.4")
    assert (await class_data.examine(home, "4.2.1")).build == "25.0.3+9-LTS"


def test_the_java_that_is_meant(tmp_path: Path) -> None:
    named, home = Path("/named"), Path("/home")
    assert class_data.java_homes([named, named], {"JAVA_HOME": "/home"}) == (named,)
    assert class_data.java_homes([], {"JAVA_HOME": "/home", "PATH": ""}) == (home,)
    java = installations.java(tmp_path / "java")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").symlink_to(java / "bin" / "java")
    assert class_data.java_homes([], {"PATH": str(tmp_path / "bin")}) == (java,)
    with pytest.raises(ConfigurationError, match=r"no Java here: set JAVA_HOME.*--no-class-data"):
        class_data.java_homes([], {"PATH": str(tmp_path / "none")})
