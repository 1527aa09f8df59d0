"""The application of a Dask cluster: what its containers run, and what is secret."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from yarnhub.base.errors import SpecError
from yarnhub.control.bootstrap import named_secrets
from yarnhub.hadoop.wire.tokens import TokenStorage
from yarnhub.integrations.dask_gateway.specification import (
    SCHEDULER,
    Process,
    found_tag,
    secrets,
    specification,
    tag_of,
)
from yarnhub.kernels.environment import Environment

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.spec import ApplicationSpec

SECRETS = secrets(b"of-crt ", b"of-pem ", "of-token")


def application(command: list[str], setup: str = "", **values: Any) -> ApplicationSpec:
    process = Process(
        memory=(512 << 20) + 1, cores=2, setup=setup, command=command, environment={"A": "b"}
    )
    return specification(
        cluster="0123",
        user="alice",
        queue="q",
        scheduler=process,
        worker=process,
        **({"files": {}} | values),
    )


def run(spec: ApplicationSpec, folder: Path, path: str) -> subprocess.CompletedProcess[str]:
    """The scheduler's script, as a NodeManager runs it."""
    others = {"z": b"x" * 70_000}
    tokens = TokenStorage(tokens={}, secrets={**others, **named_secrets(SECRETS)})
    (folder / "container_tokens").write_bytes(tokens.write())
    env = {"PATH": path, "HADOOP_TOKEN_FILE_LOCATION": str(folder / "container_tokens")}
    script = spec.services[SCHEDULER].script
    return subprocess.run(
        ["/bin/bash", "-c", script],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_environment_is_active_in_all_containers() -> None:
    environment = Environment.read({"archive": "hdfs:///e.tar.gz", "key": "0f" * 32})
    spec = application(["python"], setup="module load cuda", environment=environment)
    for service in spec.services.values():
        assert service.files == {"environment": environment.archive}
        assert service.script.startswith(f"{environment.prologue}module load cuda\n")
    assert f"yarnhub-env:{'0f' * 32}" in spec.tags
    with pytest.raises(SpecError, match=r"^localize_files\.environment: is the environment"):
        application(["python"], environment=environment, files=dict(environment.files))


def test_a_container_has_its_secrets_as_private_files(tmp_path: Path) -> None:
    spec = application(["cat", "dask.crt", "dask.pem", "dask.token"], setup="umask 0")
    done = run(spec, tmp_path, "/usr/bin:/bin")
    assert done.stdout == "of-crt of-pem of-token"
    files = [tmp_path / name for name in ("dask.crt", "dask.pem", "dask.token")]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_a_python_beside_the_command_unpacks_them(tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    environment.mkdir()
    (environment / "python").symlink_to("/usr/bin/python3")
    (environment / "dask-scheduler").write_text('#!/bin/sh\necho "$(< dask.token)"\n')
    (environment / "dask-scheduler").chmod(0o755)
    (tmp_path / "bin").mkdir()
    for name in ("dirname", "sh"):
        (tmp_path / "bin" / name).symlink_to(f"/usr/bin/{name}")
    spec = application([str(environment / "dask-scheduler")])
    assert run(spec, tmp_path, str(tmp_path / "bin")).returncode == 0
    assert (tmp_path / "dask.token").read_text() == "of-token"


def test_a_node_without_python_says_so(tmp_path: Path) -> None:
    done = run(application(["true"]), tmp_path, "/nowhere")
    assert done.returncode == 1
    assert "No Python" in done.stderr


def test_what_dask_spills_is_in_the_containers_folder(tmp_path: Path) -> None:
    command = ["printenv", "DASK_TEMPORARY_DIRECTORY"]
    path = "/usr/bin:/bin"
    assert run(application(command), tmp_path, path).stdout.strip() == str(tmp_path)
    elsewhere = application(command, setup="export DASK_TEMPORARY_DIRECTORY=/scratch")
    assert run(elsewhere, tmp_path, path).stdout.strip() == "/scratch"


def test_nothing_in_it_is_secret() -> None:
    spec = application(["dask", "scheduler"])
    assert "of-" not in str(spec.to_dict())


def test_containers_have_what_was_asked_for_and_belong_to_the_cluster() -> None:
    spec = application(["dask", "scheduler"])
    assert (spec.user, spec.queue) == ("alice", "q")
    assert {service.resources.memory for service in spec.services.values()} == {513}
    assert [service.instances for service in spec.services.values()] == [1, 0]
    assert found_tag(spec.tags) == tag_of("0123")
    assert found_tag({"dask-gateway"}) == ""
    assert "0123" not in "".join(spec.tags), "who knows the name can open its dashboard"
