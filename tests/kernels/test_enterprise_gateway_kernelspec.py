"""Kernelspecs of Enterprise Gateway and gateway_provisioners, converted."""

from __future__ import annotations

from typing import Any

import pytest

from yarnhub.base.errors import SpecError
from yarnhub.base.units import parse_memory
from yarnhub.kernels.enterprise_gateway_kernelspec import convert

PROXY = "enterprise_gateway.services.processproxies.yarn.YarnClusterProcessProxy"


def kernelspec(
    env: dict[str, str] | None = None,
    *,
    config: dict[str, object] | None = None,
    arguments: tuple[str, ...] = (),
    language: str = "python",
) -> dict[str, Any]:
    """As Enterprise Gateway 3 has it."""
    return {
        "argv": [
            "/usr/local/share/jupyter/kernels/spark/bin/run.sh",
            *("--RemoteProcessProxy.kernel-id", "{kernel_id}"),
            *("--RemoteProcessProxy.response-address", "{response_address}"),
            *arguments,
        ],
        "display_name": "Spark on YARN",
        "language": language,
        "env": env or {},
        "metadata": {
            "process_proxy": {"class_name": PROXY, "config": config or {}},
            "debugger": True,
        },
    }


def settings(document: object) -> dict[str, Any]:
    found: Any = document
    config: dict[str, Any] = found["metadata"]["kernel_provisioner"]["config"]
    return config


def test_a_kernel_of_spark_in_cluster_mode() -> None:
    found = convert(
        kernelspec(
            {
                "SPARK_HOME": "/usr/lib/spark",
                "PYSPARK_PYTHON": "/opt/conda/bin/python",
                "PYTHONPATH": "${HOME}/lib:/usr/lib/spark/python",
                "LAUNCH_OPTS": "",
                "SPARK_OPTS": "--master yarn --deploy-mode cluster --name ${KERNEL_ID:-none} "
                "--queue research --driver-memory 4g --driver-cores=2 "
                "--conf spark.yarn.submit.waitAppCompletion=false "
                "--conf spark.yarn.appMasterEnv.LANG=C.UTF-8 "
                "--conf spark.yarn.appMasterEnv.PATH=/opt/conda/bin:$PATH "
                "--conf spark.yarn.am.nodeLabelExpression=gpu "
                "--conf 'spark.driver.resource.gpu.amount=1' "
                "--num-executors 4 --conf spark.executor.memory=8g "
                "--files hdfs:///conf/a.ini#settings.ini ${KERNEL_EXTRA_SPARK_OPTS}",
            },
            arguments=("--RemoteProcessProxy.spark-context-initialization-mode", "lazy"),
        )
    )
    assert found.document["argv"] == [
        *("python", "-m", "ipykernel_launcher", "-f", "{connection_file}")
    ]
    assert found.document["display_name"] == "Spark on YARN"
    assert found.document["env"] == {
        "SPARK_HOME": "/usr/lib/spark",
        "PYSPARK_PYTHON": "/opt/conda/bin/python",
        "LANG": "C.UTF-8",
    }
    metadata: Any = found.document["metadata"]
    assert metadata["debugger"] is True
    assert "process_proxy" not in metadata
    assert settings(found.document) == {
        "queue": "research",
        "memory": "4505 MiB",  # Spark adds a tenth
        "vcores": 2,
        "node_label": "gpu",
        "gpus": 1,
        "files": {"settings.ini": "hdfs:///conf/a.ini"},
        "environment": "/opt/conda",
    }
    assert found.notes == (
        "no Spark context is created when the kernel starts: create a session in the notebook",
        (
            "env.PYTHONPATH depends on other variables: set it in `prologue`, such as "
            'export PYTHONPATH="${HOME}/lib:/usr/lib/spark/python"'
        ),
        "SPARK_OPTS: ${KERNEL_EXTRA_SPARK_OPTS} of a request has no equivalent",
        (
            "set these where the notebook creates its Spark session: --num-executors, "
            "spark.executor.memory"
        ),
        "memory is 4505 MiB, the driver's with its overhead, as Spark requests it",
    )


def test_a_kernel_with_spark() -> None:
    """The kernelspec that Enterprise Gateway ships, with what sites add to it."""
    found = convert(
        kernelspec(
            {
                "SPARK_HOME": "/usr/hdp/current/spark2-client",
                "JAVA_HOME": "/usr/lib/jvm/java-8-openjdk-amd64",
                "PYSPARK_PYTHON": "/opt/conda/bin/python",
                "PYTHONPATH": "/usr/hdp/current/spark2-client/python:"
                "/usr/hdp/current/spark2-client/python/lib/py4j-0.10.6-src.zip",
                "SPARK_OPTS": "--master yarn --deploy-mode cluster "
                "--name ${KERNEL_ID:-ERROR__NO__KERNEL_ID} --queue research --proxy-user alice "
                "--driver-memory 4g --driver-cores 2 --num-executors 4 "
                "--executor-memory ${KERNEL_EXECUTOR_MEMORY:-8g} --executor-cores 2 "
                "--conf spark.yarn.submit.waitAppCompletion=false "
                "--conf spark.yarn.appMasterEnv.PYTHONUSERBASE=/home/${KERNEL_USERNAME}/.local "
                "--conf spark.yarn.appMasterEnv.PYTHONPATH=${SPARK_HOME}/python:/opt/site "
                "--conf spark.yarn.appMasterEnv.PATH=/opt/conda/bin:$PATH "
                "--conf spark.executorEnv.PYTHONPATH=$SPARK_HOME/python/lib/pyspark.zip "
                "--conf spark.pyspark.python=/opt/conda/bin/python3 "
                "--conf spark.executorEnv.TZ=UTC --conf 'spark.sql.shuffle.partitions=64' "
                "--conf spark.yarn.archive=hdfs:///spark.zip --keytab /etc/eg.keytab "
                "--files hdfs:///conf/a.ini#settings.ini,/etc/b.ini ${KERNEL_EXTRA_SPARK_OPTS}",
            },
            arguments=("--RemoteProcessProxy.spark-context-initialization-mode", "lazy"),
        ),
        spark=True,
    )
    assert settings(found.document) == found.config
    assert found.config == {
        "queue": "research",
        "memory": "4505 MiB",
        "vcores": 2,
        "files": {"settings.ini": "hdfs:///conf/a.ini", "b.ini": "/etc/b.ini"},
        "environment": "/opt/conda",
    }
    assert found.document["env"] == {"PYTHONPATH": "/opt/site"}
    assert found.settings == {
        "spark.driver.memory": "4096m",
        "spark.dynamicAllocation.maxExecutors": "4",
        "spark.executor.memory": "8g",
        "spark.executor.cores": "2",
        "spark.executorEnv.TZ": "UTC",
        "spark.sql.shuffle.partitions": "64",
        "spark.yarn.dist.files": "hdfs:///conf/a.ini#settings.ini",
    }
    assert found.notes == (
        (
            "env.JAVA_HOME is left out: Spark needs Java 17 or newer, and uses the JAVA_HOME of "
            "containers; `java_home` in `spark` names another one"
        ),
        "--executor-memory is 8g: users set another value where they build their session",
        (
            "spark.yarn.appMasterEnv.PYTHONUSERBASE depends on other variables: set it in "
            '`prologue`, such as export PYTHONUSERBASE="/home/$USER/.local"'
        ),
        "SPARK_OPTS: ${KERNEL_EXTRA_SPARK_OPTS} of a request has no equivalent",
        "memory is 4505 MiB, the driver's with its overhead, as Spark requests it",
        "spark.yarn.archive is not needed: Spark is the published one",
        "--keytab is not needed: kernels get delegation tokens of their users",
        "executors do not get b.ini: upload it to HDFS, and use its URL",
        "up to 4 executors start when there is work, and end when there is none",
    )


def test_a_kernel_with_spark_and_an_environment_in_an_archive() -> None:
    options = (
        "--archives hdfs:///e.tar.gz#science,hdfs:///m.zip#models --driver-memory 1g "
        "--conf spark.driver.memoryOverhead=100m --conf spark.executorEnv.PYSPARK_PYTHON={0} "
        "--conf spark.yarn.appMasterEnv.PYSPARK_PYTHON={0} --num-executors 3 "
        "--conf spark.dynamicAllocation.enabled=false --jars hdfs:///a.jar"
    )
    found = convert(kernelspec({"SPARK_OPTS": options.format("./science/bin/python")}), spark=True)
    assert found.config == {
        "archives": {"models": "hdfs:///m.zip"},
        "environment": "hdfs:///e.tar.gz",
        "memory": "1408 MiB",  # with less, no session starts
    }
    assert found.document["env"] == {}
    assert found.settings == {
        "spark.yarn.dist.archives": "hdfs:///m.zip#models",
        "spark.driver.memory": "1024m",
        "spark.executor.instances": "3",
        "spark.dynamicAllocation.enabled": "false",
        "spark.jars": "hdfs:///a.jar",
    }
    assert any(note.startswith("--jars: the driver finds only jars") for note in found.notes)


@pytest.mark.parametrize(
    ("options", "most"),
    [
        ("--conf spark.dynamicAllocation.minExecutors=5", "5"),
        ("--conf spark.dynamicAllocation.initialExecutors=10", "10"),
        ("--conf spark.dynamicAllocation.minExecutors=1", "2"),
        ("--conf spark.dynamicAllocation.minExecutors=some", "2"),
    ],
)
def test_the_most_executors_are_no_fewer_than_the_least(options: str, most: str) -> None:
    found = convert(kernelspec({"SPARK_OPTS": f"--num-executors 2 {options}"}), spark=True)
    assert found.settings["spark.dynamicAllocation.maxExecutors"] == most
    assert f"up to {most} executors start when there is work, and end when there is none" in (
        found.notes
    )


def test_only_spark_s_own_python_is_left_out() -> None:
    path = (
        "/opt/spark/python:/opt/spark:/opt/spark-libs/python:/x/my-pyspark.zip:"
        "$SPARK_HOME/python/lib:${SPARK_HOME}:/lib/pyspark.zip:pyspark.zip:/x/apy4j-1.zip:"
        "{{PWD}}/py4j-0.10.9-src.zip"
    )
    old = {
        "SPARK_HOME": "/opt/spark/",
        "PYTHONPATH": path,
        "SPARK_OPTS": f"--conf 'spark.executorEnv.PYTHONPATH={path}'",
    }
    found = convert(kernelspec(old), spark=True)
    kept = "/opt/spark-libs/python:/x/my-pyspark.zip:/x/apy4j-1.zip"
    assert found.document["env"] == {"PYTHONPATH": kept}
    assert found.settings["spark.executorEnv.PYTHONPATH"] == kept


def test_the_kernelspec_of_a_standalone_spark() -> None:
    """Enterprise Gateway 1 had `process_proxy` at the top."""
    old = kernelspec(
        {
            "SPARK_HOME": "/opt/spark",
            "PYSPARK_PYTHON": "/usr/bin/python3",
            "SPARK_OPTS": "--master local --deploy-mode client --name ${KERNEL_ID:-none}",
        }
    )
    old |= old.pop("metadata")
    found = convert(old, spark=True)
    assert "process_proxy" not in found.document
    assert found.config == {"memory": "1408 MiB", "environment": "/usr"}
    assert found.settings == {"spark.driver.memory": "1024m"}
    assert "--master is local, and the kernel runs on YARN" in found.notes


@pytest.mark.parametrize(
    ("options", "note"),
    [
        ("--packages a:b:1", "--packages has no equivalent: copy the jars to the nodes"),
        ("--py-files a.py", "--py-files has no equivalent: put the modules into"),
        ("--conf spark.x=$HOME/x", "spark.x depends on other variables: users set it where"),
        ("--conf 'a b=c'", "SPARK_OPTS: a b has no equivalent"),
        ("--driver-memory ${KERNEL_DRIVER_MEMORY:-2g}", "--driver-memory is 2g: write into"),
    ],
)
def test_what_a_kernel_with_spark_does_not_have(options: str, note: str) -> None:
    found = convert(kernelspec({"SPARK_OPTS": options}), spark=True)
    assert [each for each in found.notes if each.startswith(note)]
    assert found.settings.keys() == {"spark.driver.memory"}


@pytest.mark.parametrize(
    ("old", "message"),
    [
        (kernelspec(), "env: has no SPARK_OPTS"),
        (kernelspec({"SPARK_OPTS": ""}, language="R"), "language: must be python"),
    ],
)
def test_other_kernels_have_no_spark(old: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        convert(old, spark=True)


def test_an_environment_in_an_archive() -> None:
    env = {
        "PYSPARK_PYTHON": "./environment/bin/python",
        "SPARK_OPTS": "--archives hdfs:///e.tar.gz#environment,hdfs:///m.zip#models "
        "--driver-memory 2048 --conf spark.driver.memoryOverhead=1g",
    }
    assert settings(convert(kernelspec(env)).document) == {
        "archives": {"models": "hdfs:///m.zip"},
        "memory": "3 GiB",
        "environment": "hdfs:///e.tar.gz",
    }
    env["PYSPARK_PYTHON"] = "other/bin/python"
    assert "the environment other is in none of the archives" in convert(kernelspec(env)).notes


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ("python:///opt/conda/bin/python", "/opt/conda"),
        ("conda:///opt/envs/science", "/opt/envs/science"),
        ("venv:///opt/envs/science", "/opt/envs/science"),
        ("hdfs:///e.tar.gz", "hdfs:///e.tar.gz"),
    ],
)
def test_a_kernel_of_dask(environment: str, expected: str) -> None:
    options = (
        "--name ${KERNEL_ID} --deploy-mode remote --temporary-security-credentials --queue dask "
        f"--environment {environment} --client-memory 2GiB --client-vcores 2 --worker-count 3"
    )
    env = {"DASK_YARN_EXE": "/opt/conda/bin/dask-yarn", "DASK_OPTS": options}
    found = convert(kernelspec(env))
    assert settings(found.document) == {
        "queue": "dask",
        "environment": expected,
        "memory": "2 GiB",
        "vcores": 2,
    }
    assert found.document["env"] == {}
    assert found.notes == (
        "DASK_OPTS: --worker-count has no equivalent: set it for the Dask cluster",
    )


def test_a_kernelspec_of_gateway_provisioners() -> None:
    old = kernelspec({"SPARK_OPTS": "--queue ${KERNEL_QUEUE}"}, language="R")
    old["argv"] = ["run.sh", "--kernel-id", "{kernel_id}", "--public-key", "{public_key}"]
    config = {"yarn_endpoint": "http://rm:8088", "remote_hosts": ["a"], "image_name": "x"}
    old["metadata"] = {
        "kernel_provisioner": {"provisioner_name": "yarn-provisioner", "config": config}
    }
    found = convert(old)
    assert found.document["argv"] == [
        *("R", "--slave", "-e", "IRkernel::main()", "--args", "{connection_file}")
    ]
    assert settings(found.document) == {}
    assert found.notes == (
        "config.yarn_endpoint is not needed: HADOOP_CONF_DIR names the ResourceManagers",
        (
            "config.remote_hosts has no equivalent: YARN chooses the node; `node_label` limits the "
            "choice"
        ),
        "config.image_name has no equivalent",
        "--queue depends on the request: write into `limits` what a request can change",
    )


def test_users_are_the_gateways() -> None:
    found = convert(kernelspec(config={"authorized_users": ["alice"]}))
    assert found.notes == (
        (
            "config.authorized_users has no equivalent: c.KernelGateway.kernelspec_audiences of "
            "the gateway names users"
        ),
    )


def test_a_kernel_without_a_launcher_keeps_its_command() -> None:
    old = kernelspec()
    old["argv"] = ["python3", "-m", "xpython", "-f", "{connection_file}"]
    found = convert(old)
    assert found.document["argv"] == old["argv"]
    assert found.notes == ()


@pytest.mark.parametrize(
    ("old", "message"),
    [
        ({}, "metadata: has neither Enterprise Gateway's process_proxy"),
        ({"metadata": []}, "must be a mapping, not list"),
        (
            {"metadata": {"kernel_provisioner": {"provisioner_name": "yarnhub"}}},
            "metadata: has neither",
        ),
        (kernelspec(language="scala"), "argv: is Enterprise Gateway's launcher for Scala"),
        (kernelspec({"SPARK_OPTS": "'"}), "env: has options that cannot be read"),
        (kernelspec({"SPARK_OPTS": "--driver-memory x"}), "--driver-memory: must be a quantity"),
        (kernelspec({"SPARK_OPTS": "--driver-cores 1.5"}), "--driver-cores: must be a whole"),
        (kernelspec({"SPARK_OPTS": "--queue a,b"}), "config.queue: must be the name of a queue"),
        (kernelspec({"A": 1}), "env.A: must be text"),  # type: ignore[dict-item]
        ({**kernelspec(), "argv": "run.sh"}, "argv: must be a list"),
    ],
)
def test_what_cannot_be_converted(old: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError) as refused:
        convert(old)
    assert message in str(refused.value)


@pytest.mark.parametrize("spark", [True, False])
@pytest.mark.parametrize(
    ("options", "memory"),
    [
        ("--conf spark.driver.memoryOverheadFactor=0.4", "14336 MiB"),
        ("--conf spark.driver.memoryOverheadFactor=.01", "10624 MiB"),
        ("--conf spark.driver.minMemoryOverhead=2g", "12 GiB"),
        (
            "--conf spark.driver.memoryOverheadFactor=0.4 --conf spark.driver.memoryOverhead=1g",
            "11 GiB",
        ),
    ],
)
def test_the_overhead_is_spark_s(options: str, memory: str, spark: bool) -> None:
    options = f"--driver-memory 10g {options}"
    found = convert(kernelspec({"SPARK_OPTS": options}), spark=spark)
    assert parse_memory(str(found.config["memory"])) == parse_memory(memory)
    assert found.settings == ({"spark.driver.memory": "10240m"} if spark else {})


def test_a_factor_that_is_no_number() -> None:
    options = "--driver-memory 1g --conf spark.driver.memoryOverheadFactor=a"
    with pytest.raises(SpecError, match=r"spark\.driver\.memoryOverheadFactor: must be a number"):
        convert(kernelspec({"SPARK_OPTS": options}))


@pytest.mark.parametrize(
    ("name", "value"), [("memoryOverhead", "1g"), ("memoryOverheadFactor", "0.4")]
)
def test_an_overhead_without_memory_is_named(name: str, value: str) -> None:
    found = convert(kernelspec({"SPARK_OPTS": f"--conf spark.driver.{name}={value}"}))
    assert "memory" not in settings(found.document)
    assert found.notes == (f"spark.driver.{name} has no effect without spark.driver.memory",)


def test_the_name_of_a_key_is_cut() -> None:
    with pytest.raises(SpecError, match=r"^env\.A+\.\.\.: must be text") as refused:
        convert(kernelspec({"A" * 9000: 1}))  # type: ignore[dict-item]
    assert len(str(refused.value)) < 500
