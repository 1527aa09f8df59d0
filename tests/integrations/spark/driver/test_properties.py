"""Spark's properties, and the command line of its driver."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.spark.driver.sample_settings import PLACE, settings
from integrations.spark.unpacked import JAVA_HOME
from yarnhub.integrations.spark.driver.properties import (
    ExecutorSize,
    Place,
    argument_file,
    executor_size,
    heap,
    java_arguments,
    session_properties,
    with_scala_classes,
)
from yarnhub.integrations.spark.driver.settings import SettingsError

DATA = {
    "class_data": {"17.0.1": "spark-17.jsa"},
    "class_data_urls": {"17.0.1": "hdfs:///s/spark-17.jsa"},
}


def test_a_session_computes_on_yarn_with_the_application_master_in_its_driver() -> None:
    found = session_properties(settings(), {}, PLACE)
    assert found["spark.master"] == "yarn"
    assert found["spark.yarn.unmanagedAM.enabled"] == "true"
    assert found["spark.yarn.archive"] == "hdfs:///s/libs.tar"
    assert found["spark.yarn.tags"] == "kernel-1"
    assert found["spark.driver.host"] == "node"
    assert found["spark.executorEnv.PYSPARK_PYTHON"] == "/env/bin/python"
    assert found["spark.dynamicAllocation.minExecutors"] == "0"
    assert found["spark.dynamicAllocation.initialExecutors"] == "1"
    assert found["spark.executor.extraJavaOptions"] == "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
    assert "spark.executor.extraClassPath" not in found


def test_executors_use_the_class_data_of_the_driver_s_java() -> None:
    found = session_properties(settings(**DATA), {}, PLACE)
    assert found["spark.yarn.dist.files"] == "hdfs:///s/spark-17.jsa#spark.jsa"
    assert found["spark.executor.extraClassPath"] == "__spark_libs__/a.jar:__spark_libs__/b.jar"
    assert found["spark.executor.extraJavaOptions"].startswith("-XX:SharedArchiveFile=spark.jsa ")
    other = Place(python="p", java_build="25")
    assert "spark.yarn.dist.files" not in session_properties(settings(**DATA), {}, other)


def test_executors_get_the_environment_in_which_their_python_is() -> None:
    archives = {"environment": "hdfs:///e/science.tar.gz", "data": "hdfs:///e/data.zip"}
    place = Place(python="./environment/bin/python")
    own = {"spark.yarn.dist.archives": "hdfs:///mine.zip#mine"}
    found = session_properties(settings(archives=archives), own, place)
    assert found["spark.yarn.dist.archives"] == (
        "hdfs:///e/science.tar.gz#environment,hdfs:///mine.zip#mine"
    )
    found = session_properties(settings(archives=archives), {}, PLACE)
    assert "spark.yarn.dist.archives" not in found


def test_the_user_comes_before_the_kernelspec() -> None:
    own = {"spark.executor.memory": "2g", "spark.app.name": "mine", "spark.yarn.tags": "a,b"}
    kernelspec = {"spark.executor.memory": "1g", "spark.yarn.queue": "science"}
    found = session_properties(settings(settings=kernelspec), own, PLACE)
    assert found["spark.executor.memory"] == "2g"
    assert found["spark.yarn.queue"] == "science"
    assert found["spark.app.name"] == "mine"
    assert found["spark.yarn.tags"] == "kernel-1,a,b"


def test_lists_are_added_to() -> None:
    own = {
        "spark.yarn.dist.files": "hdfs:///f",
        "spark.executor.extraClassPath": "mine.jar",
        "spark.executor.extraJavaOptions": "-Da='b c' -XX:+UseG1GC",
        "spark.yarnhub.executors.quickStart": "false",
    }
    found = session_properties(settings(**DATA), own, PLACE)
    assert found["spark.yarn.dist.files"] == "hdfs:///s/spark-17.jsa#spark.jsa,hdfs:///f"
    assert found["spark.executor.extraClassPath"].endswith("b.jar:mine.jar")
    assert found["spark.executor.extraJavaOptions"] == (
        "-XX:SharedArchiveFile=spark.jsa -Da='b c' -XX:+UseG1GC"
    )
    assert "spark.yarnhub.executors.quickStart" not in found


def test_the_service_sees_what_a_session_uses() -> None:
    place = replace(PLACE, viewer="jupyterhub")
    assert session_properties(settings(), {}, place)["spark.ui.view.acls"] == "jupyterhub"
    own = {"spark.ui.view.acls": "bob"}
    assert session_properties(settings(), own, place)["spark.ui.view.acls"] == "jupyterhub,bob"
    assert "spark.ui.view.acls" not in session_properties(settings(), {}, PLACE)


def test_a_kernelspec_may_compute_in_the_driver() -> None:
    found = session_properties(settings(settings={"spark.master": "local[2]"}), {}, PLACE)
    assert found["spark.master"] == "local[2]"
    assert not [name for name in found if name.startswith(("spark.yarn.", "spark.dynamic"))]


@pytest.mark.parametrize(
    ("own", "problem"),
    [
        ({"spark.master": "local[*]"}, "spark.master is 'yarn' in this kernel and cannot be"),
        ({"spark.yarn.jars": "x"}, "spark.yarn.jars is set by the kernel"),
        ({"spark.remote": "sc://host"}, "spark.remote is set by the kernel"),
        ({"spark.jars.packages": "a:b:1"}, "does not download packages from Maven"),
        ({"spark.executorEnv.A": 'a "b"'}, "executorEnv.A has a quote"),
        ({"spark.driver.memory": "lots"}, "use a number with a unit"),
        ({"spark.driver.memory": "0"}, "use a number with a unit"),
    ],
)
def test_what_cannot_work_is_refused(own: dict[str, str], problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        session_properties(settings(), own, PLACE)


def test_what_is_already_so_is_not_refused() -> None:
    own = {"spark.master": "yarn", "spark.executorEnv.A": "with spaces"}
    assert session_properties(settings(), own, PLACE)["spark.executorEnv.A"] == "with spaces"


def test_a_driver_too_large_for_the_container_is_refused() -> None:
    place = Place(python="p", memory=2048)
    session_properties(settings(), {"spark.driver.memory": "1664m"}, place)
    with pytest.raises(SettingsError, match=r"4096 MiB does not fit .* 2048 MiB.* at most 1664m"):
        session_properties(settings(), {"spark.driver.memory": "4g"}, place)
    with pytest.raises(SettingsError, match=r"part of\. Start a kernel with more memory\.$"):
        session_properties(settings(), {}, Place(python="p", memory=256))


@pytest.mark.parametrize(
    ("text", "mib"),
    [("512m", 512), ("2g", 2048), ("2GB", 2048), ("1t", 2**20), ("700", 700), ("4096k", 4)],
)
def test_sizes_are_spark_s(text: str, mib: int) -> None:
    assert heap({"spark.driver.memory": text}) == mib


def test_the_command_line_has_class_data_and_the_user_s_options() -> None:
    properties = {
        "spark.driver.memory": "1g",
        "spark.driver.extraJavaOptions": "-Da='b c'",
        "spark.driver.extraClassPath": "mine.jar",
        "spark.jars": "/jars/x.jar, hdfs:///y.jar,file:/z.jar",
        "other": "not Spark's",
    }
    words = java_arguments(
        ["-server"], settings(), properties, class_data="spark-17.jsa", configuration="/conf"
    )
    assert words[:6] == [
        "-server", "-Xmx1024m", "-XX:+ExitOnOutOfMemoryError", "-XX:+UseSerialGC",
        "-XX:SharedArchiveFile=spark-17.jsa", "-XX:TieredStopAtLevel=1",
    ]  # fmt: skip
    assert words[6:9] == [
        "-Da=b c",
        "-cp",
        "__spark_libs__/a.jar:__spark_libs__/b.jar:/conf:mine.jar:/jars/x.jar:/z.jar",
    ]
    assert "-Dother=not Spark's" not in words
    assert words[-1] == "org.apache.spark.api.python.PythonGatewayServer"


def test_another_garbage_collector_goes_without_class_data() -> None:
    properties = {"spark.driver.extraJavaOptions": "-XX:+UseG1GC"}
    words = java_arguments([], settings(), properties, class_data="x.jsa", configuration="")
    assert "-XX:+UseSerialGC" not in words
    assert "-XX:SharedArchiveFile=x.jsa" not in words


@given(st.lists(st.text(st.characters(codec="ascii"), min_size=1)))
def test_an_argument_file_has_a_line_for_each_argument(arguments: list[str]) -> None:
    assert argument_file(arguments).count("\n") == len(arguments)


@pytest.mark.spark
def test_java_reads_the_argument_file_as_it_was_meant(tmp_path: Path) -> None:
    values = ['a "b" \\ c', "tab\tand\nline", "#no comment", "'quotes'", "@at", "trailing\\"]
    file = tmp_path / "arguments"
    words = [f"-Dvalue{at}={value}" for at, value in enumerate(values)]
    file.write_text(argument_file([*words, "-XshowSettings:properties", "-version"]))
    done = subprocess.run(
        [JAVA_HOME / "bin" / "java", f"@{file}"], capture_output=True, text=True, check=True
    )
    for at, value in enumerate(values):
        shown = value.replace("\n", "\\n ")  # as -XshowSettings shows it
        assert f"value{at} = {shown}\n" in done.stderr or value.split("\n")[0] in done.stderr


@pytest.mark.parametrize(("secure", "encrypted"), [(True, "true"), (False, None)])
def test_tokens_do_not_cross_the_network_in_plain_text(secure: bool, encrypted: str | None) -> None:
    found = session_properties(settings(), {}, replace(PLACE, secure=secure))
    assert found.get("spark.network.crypto.enabled") == encrypted


@pytest.mark.parametrize(
    ("properties", "memory", "cores"),
    [
        ({}, 1408, 1),
        ({"spark.executor.memory": "8g", "spark.executor.cores": "4"}, 8192 + 819, 4),
        ({"spark.executor.memory": "512m", "spark.executor.memoryOverhead": "100m"}, 612, 1),
        ({"spark.executor.memory": "2g", "spark.executor.pyspark.memory": "1g"}, 3456, 1),
        ({"spark.executor.memory": "much", "spark.executor.cores": "few"}, 1408, 1),
    ],
)
def test_what_an_executor_takes(properties: dict[str, str], memory: int, cores: int) -> None:
    assert executor_size(properties) == ExecutorSize(memory=memory, cores=cores)


def test_the_classes_of_scala_cells_are_behind_the_jars() -> None:
    given = ["-Xmx1g", "-cp", "a.jar:b.jar", "-Dspark.yarnhub.scala=true", "Main"]
    assert with_scala_classes(iter(given), Path("/c/classes")) == [
        "-Dspark.repl.class.outputDir=/c/classes",
        "-Xmx1g",
        "-cp",
        "a.jar:b.jar:/c/classes",
        "-Dspark.yarnhub.scala=true",
        "Main",
    ]
    without = ["-cp", "a.jar", "Main"]
    assert with_scala_classes(without, Path("/c/classes")) == without


@pytest.mark.parametrize(
    ("own", "most"),
    [
        ({}, "20"),
        ({"spark.dynamicAllocation.minExecutors": "30"}, "30"),
        ({"spark.dynamicAllocation.initialExecutors": "40"}, "40"),
        ({"spark.executor.instances": "25"}, "25"),
        ({"spark.dynamicAllocation.minExecutors": "2"}, "20"),
        ({"spark.dynamicAllocation.minExecutors": "many"}, "20"),
        (
            {
                "spark.dynamicAllocation.minExecutors": "30",
                "spark.dynamicAllocation.maxExecutors": "10",
            },
            "10",
        ),
    ],
)
def test_the_usual_most_executors_are_no_fewer_than_what_is_asked_for(
    own: dict[str, str], most: str
) -> None:
    for found in (
        session_properties(settings(), own, PLACE),
        session_properties(settings(settings=own), {}, PLACE),
    ):
        assert found["spark.dynamicAllocation.maxExecutors"] == most
