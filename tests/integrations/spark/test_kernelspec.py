"""What a kernelspec for Spark contains."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from integrations.spark import example
from integrations.spark.example import FOLDER, file
from yarnhub.base.errors import ConfigurationError
from yarnhub.integrations.spark.kernelspec import kernelspec_files, yarnhub_spark_settings
from yarnhub.kernels import kernelspec
from yarnhub.spec import FileType, FileVisibility

DEBIAN, TEMURIN = "17.0.15+6-Debian-1deb12u1", "25.0.1+8-LTS"


SPARK = replace(
    example.SPARK,
    class_data={
        DEBIAN: file("spark-17.0.15_6-Debian-1deb12u1.jsa"),
        TEMURIN: file("spark-25.0.1_8-LTS.jsa"),
    },
)


def test_the_files_are_valid_in_a_kernelspec_and_need_no_look_up() -> None:
    files = json.loads(json.dumps(kernelspec_files(SPARK)))
    found = kernelspec.read(files).all_files
    assert set(found) == {
        "__spark_libs__",
        "pyspark.zip",
        "py4j-0.10.9.9-src.zip",
        "spark-17.0.15_6-Debian-1deb12u1.jsa",
        "spark-25.0.1_8-LTS.jsa",
    }
    assert {each.visibility for each in found.values()} == {FileVisibility.PUBLIC}
    assert {name for name, each in found.items() if each.type is FileType.ARCHIVE} == {
        "__spark_libs__"
    }
    assert all(each.size and each.timestamp for each in found.values())


def test_only_the_class_data_of_the_nodes_is_downloaded() -> None:
    files = kernelspec_files(SPARK, [TEMURIN])["files"]
    assert [name for name in files if name.endswith(".jsa")] == ["spark-25.0.1_8-LTS.jsa"]
    settings = yarnhub_spark_settings(SPARK, {}, [TEMURIN])
    assert settings["class_data"] == {TEMURIN: "spark-25.0.1_8-LTS.jsa"}
    none = kernelspec_files(SPARK, [])["files"]
    assert not [name for name in none if name.endswith(".jsa")]


def test_the_settings_of_the_driver() -> None:
    assert yarnhub_spark_settings(SPARK, {"spark.executor.memory": "2g"}, [DEBIAN]) == {
        "version": "4.3.0",
        "libs": "__spark_libs__",
        "class_data": {DEBIAN: "spark-17.0.15_6-Debian-1deb12u1.jsa"},
        "archive": f"{FOLDER}/spark-libs.tar",
        "class_data_urls": {DEBIAN: f"{FOLDER}/spark-17.0.15_6-Debian-1deb12u1.jsa"},
        "python": ["pyspark.zip", "py4j-0.10.9.9-src.zip"],
        "python_urls": [f"{FOLDER}/pyspark.zip", f"{FOLDER}/py4j-0.10.9.9-src.zip"],
        "settings": {"spark.executor.memory": "2g"},
    }


def test_a_java_without_class_data_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"no class data for Java 11, only for 17\.0"):
        kernelspec_files(SPARK, ["11"])


def test_settings_of_others_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"'hive\.x': settings of Spark have names"):
        yarnhub_spark_settings(SPARK, {"hive.x": "1"})
