"""The application of a Dask cluster: the constructor's options, and Dask's configuration."""

from __future__ import annotations

import base64
import json
import subprocess
from typing import TYPE_CHECKING, Any

import dask.config
import pytest

from yarnhub.base.errors import SpecError
from yarnhub.integrations.dask_yarn.configuration import configured, lease
from yarnhub.integrations.dask_yarn.specification import (
    SCHEDULER,
    WORKER,
    specification,
    submittable,
)
from yarnhub.spec import ApplicationSpec

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = "python:///opt/python"


def application(**options: Any) -> ApplicationSpec:
    return specification(configured(**{"environment": PYTHON, **options}))


def test_the_defaults_are_dask_yarns() -> None:
    spec = application()
    assert (spec.name, spec.queue, set(spec.tags), spec.user) == ("dask", "default", set(), "")
    worker, scheduler = spec.services[WORKER], spec.services[SCHEDULER]
    assert (worker.instances, worker.max_restarts, set(worker.depends)) == (0, -1, {SCHEDULER})
    assert (scheduler.instances, scheduler.max_restarts) == (1, 0)
    for each in (worker, scheduler):
        assert (each.resources.memory, each.resources.vcores, each.resources.gpus) == (2048, 1, 0)


def test_options_are_used() -> None:
    spec = application(
        n_workers=3,
        worker_vcores=2,
        worker_memory="1.5 GiB",
        worker_restarts=4,
        worker_env={"A": "b"},
        worker_gpus=1,
        scheduler_vcores=3,
        scheduler_memory=(512 << 20) + 1,
        scheduler_gpus=2,
        name="mine",
        queue="q",
        tags=["a", "b"],
        user="alice",
    )
    assert (spec.name, spec.queue, set(spec.tags), spec.user) == ("mine", "q", {"a", "b"}, "alice")
    worker, scheduler = spec.services[WORKER], spec.services[SCHEDULER]
    assert (worker.instances, worker.max_restarts, dict(worker.env)) == (3, 4, {"A": "b"})
    assert (worker.resources.vcores, worker.resources.memory, worker.resources.gpus) == (2, 1536, 1)
    assert scheduler.resources.memory == 513, "rounded up"
    assert (scheduler.resources.vcores, scheduler.resources.gpus) == (3, 2)


def test_the_configuration_is_used_where_there_is_no_option() -> None:
    yarn = {
        "name": "n",
        "queue": "q",
        "environment": "my-env.tar.gz",
        "deploy-mode": "remote",
        "worker": {"memory": "4 GiB", "count": 2, "env": {"A": "b"}},
        "scheduler": {"vcores": 5},
    }
    with dask.config.set({"yarn": dask.config.merge(dask.config.get("yarn"), yarn)}):
        spec = specification(configured(queue="other", n_workers=0))
    assert (spec.name, spec.queue) == ("n", "other")
    assert spec.services[WORKER].resources.memory == 4096
    assert spec.services[WORKER].instances == 0, "0 is an option"
    assert spec.services[WORKER].files["environment"].source == "my-env.tar.gz"
    assert spec.services[SCHEDULER].resources.vcores == 5


def test_a_local_scheduler_has_no_container() -> None:
    spec = submittable(application(deploy_mode="local"))
    assert set(spec.services) == {WORKER}
    assert not spec.services[WORKER].depends
    assert "sleep" in spec.master.script, "it ends neither before its first worker nor without any"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"deploy_mode": "cluster"}, "'remote' or 'local'"),
        ({"worker_memory": 4096}, "Perhaps you meant '4096 MiB'"),
        ({"worker_memory": "much"}, "worker_memory"),
        ({"worker_vcores": 0}, "services.dask.worker.resources.vcores"),
        ({"n_workers": -1}, "services.dask.worker.instances"),
        ({"n_workers": "two"}, "services.dask.worker.instances"),
        ({"worker_env": {"A": 1}}, "services.dask.worker.env.A"),
        ({"worker_options": {"nthread": 2, "memory": 3}}, "no option 'memory', 'nthread'"),
        ({"worker_options": {"name": object()}}, "not JSON serializable"),
    ],
)
def test_what_cannot_work_is_refused_in_words(options: dict[str, Any], words: str) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        application(**options)


def test_options_of_a_class_that_only_nodes_have_are_not_refused() -> None:
    script = (
        application(worker_class="dask_cuda.CUDAWorker", worker_options={"rmm_pool_size": "1GB"})
        .services[WORKER]
        .script
    )
    packed = script.split()[-1]
    assert "dask_cuda.CUDAWorker" in script
    assert json.loads(base64.b64decode(packed)) == {"rmm_pool_size": "1GB"}


def test_a_specification_without_workers_is_refused() -> None:
    service = {"resources": {"memory": 512, "vcores": 1}, "script": "true"}
    with pytest.raises(ValueError, match=r"no service 'dask\.worker'"):
        submittable(ApplicationSpec.from_dict({"services": {"other": service}}))


def test_a_script_of_ones_own_has_the_command(tmp_path: Path) -> None:
    service = {
        "resources": {"memory": 4096, "vcores": 1},
        "script": "cd /\ndask-yarn services worker --nthreads 2 'a b'",
    }
    spec = submittable(ApplicationSpec.from_dict({"services": {WORKER: service}}))
    found = spec.services[WORKER]
    assert found.env["DASK_YARN_MEMORY_LIMIT"] == str((4096 - 128) << 20)
    (tmp_path / "python").write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    (tmp_path / "python").chmod(0o755)
    done = subprocess.run(
        ["/bin/bash", "-c", found.script],
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    program = tmp_path / ".dask-yarn.py"
    assert done.stdout == f"{program}|services|worker|--nthreads|2|a b|"
    compile(program.read_text(), "program", "exec")


def test_nothing_secret_is_in_it() -> None:
    text = json.dumps(submittable(application()).to_dict())
    assert "PRIVATE KEY" not in text


@pytest.mark.parametrize(("text", "seconds"), [("15 minutes", 900), (60, 60), (None, None)])
def test_the_lease_can_be_configured(text: object, seconds: float | None) -> None:
    with dask.config.set({"yarn.lease": text}):
        assert lease() == seconds


def test_a_lease_of_nothing_is_refused() -> None:
    with dask.config.set({"yarn.lease": 0}), pytest.raises(ValueError, match="at least a second"):
        lease()


def test_errors_name_the_service() -> None:
    with pytest.raises(SpecError, match=r"services\.dask\.scheduler\.resources\.gpus"):
        application(scheduler_gpus=-1)
