"""Kernelspecs of Enterprise Gateway and gateway_provisioners, converted."""

from __future__ import annotations

from typing import Any

import pytest

from yarnhub.base.errors import SpecError
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
        (kernelspec(language="scala"), "argv: is Enterprise Gateway's launcher for scala"),
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


def test_an_overhead_without_memory_is_named() -> None:
    found = convert(kernelspec({"SPARK_OPTS": "--conf spark.driver.memoryOverhead=1g"}))
    assert "memory" not in settings(found.document)
    assert found.notes == ("spark.driver.memoryOverhead has no effect without spark.driver.memory",)


def test_the_name_of_a_key_is_cut() -> None:
    with pytest.raises(SpecError, match=r"^env\.A+\.\.\.: must be text") as refused:
        convert(kernelspec({"A" * 9000: 1}))  # type: ignore[dict-item]
    assert len(str(refused.value)) < 500
