"""The settings of a kernel with Spark, and the environment of its driver."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from yarnhub.integrations.spark.driver.settings import (
    SettingsError,
    SparkSettings,
    container_folder,
    jvm_environment,
)

GOOD = {"version": "4.3.0", "jars": ["b.jar", "a.jar"], "settings": {"spark.x": "y z"}}


def test_settings_are_read() -> None:
    settings = SparkSettings.from_environment({"YARNHUB_SPARK": json.dumps(GOOD)})
    assert settings is not None
    assert (settings.jars, settings.libs) == (("b.jar", "a.jar"), "__spark_libs__")
    assert settings.settings == {"spark.x": "y z"}
    assert SparkSettings.from_environment({}) is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({}, True), ({"language": "scala"}, False), ({"connect": "0-0"}, False)],
)
def test_only_python_has_a_builder(changes: dict[str, str], expected: bool) -> None:
    assert SparkSettings.read(json.dumps({**GOOD, **changes})).has_builder is expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "not JSON"),
        ("[]", "not an object"),
        (json.dumps({**GOOD, "jar": "a"}), "'jar' is unknown"),
        (json.dumps({**GOOD, "jars": "a.jar"}), "jars is not a list of texts"),
        (json.dumps({**GOOD, "settings": {"spark.x": 1}}), "settings is not an object of texts"),
        (json.dumps({**GOOD, "tag": None}), "tag is not a text"),
        (json.dumps({"jars": ["a.jar"]}), "version is missing"),
        ("{}", "version is missing"),
    ],
)
def test_invalid_settings_are_refused(text: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        SparkSettings.read(text)


def test_the_java_of_the_settings_comes_before_that_of_the_container() -> None:
    settings = SparkSettings(java_home="/opt/java")
    assert settings.java_folder({"JAVA_HOME": "/usr/java"}) == Path("/opt/java")
    assert SparkSettings().java_folder({"JAVA_HOME": "/usr/java"}) == Path("/usr/java")
    with pytest.raises(SettingsError, match="Spark needs Java"):
        SparkSettings().java_folder({"JAVA_HOME": ""})


def test_the_driver_gets_no_variable_that_is_not_for_it() -> None:
    kept, dropped = jvm_environment(
        {
            "HOME": "/home/alice",
            "SPACES": 'a "quoted" value',
            "SPARK_GOOD": "with spaces",
            "SPARK_HOME": "/opt/another-spark",
            "SPARK_QUOTED": '{"a": 1}',
            "SPARK_SHELL": "`id`",
            "SPARK_LINES": "a\nb",
            "YARNHUB_SPARK": "{}",
            "PYSPARK_GATEWAY_SECRET": "secret",
            "HADOOP_TOKEN_FILE_LOCATION": "/container/tokens",
        }
    )
    assert kept == {
        "HOME": "/home/alice",
        "SPACES": 'a "quoted" value',
        "SPARK_GOOD": "with spaces",
        "SPARK_CONNECT_MODE": "0",
    }
    assert dropped == ["SPARK_LINES", "SPARK_QUOTED", "SPARK_SHELL"]


def test_the_container_is_the_current_folder_outside_of_one() -> None:
    assert container_folder({"YARNHUB_CONTAINER": "/c"}) == Path("/c")
    assert container_folder({}) == Path.cwd()


def test_the_container_has_the_jars_and_the_launcher_the_tag(tmp_path: Path) -> None:
    (tmp_path / "__spark_libs__").mkdir()
    for name in ("b.jar", "a.jar", "notes.txt"):
        (tmp_path / "__spark_libs__" / name).touch()
    environment = {
        "YARNHUB_SPARK": json.dumps({"version": "4.3.0"}),
        "YARNHUB_CONTAINER": str(tmp_path),
        "YARNHUB_TAGS": "one,two",
    }
    found = SparkSettings.from_environment(environment)
    assert found is not None
    assert (found.jars, found.tag) == (("a.jar", "b.jar"), "one,two")
    # A kernel without them starts, and says so when Spark is used.
    found = SparkSettings.from_environment({**environment, "YARNHUB_CONTAINER": "/nowhere"})
    assert found is not None
    assert found.jars == ()
