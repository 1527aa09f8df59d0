"""`yarnhub kernelspec show`."""

from __future__ import annotations

import getpass
import json
from typing import TYPE_CHECKING

import pytest

from cli.kernelspec.running import ARCHIVE, put, run

if TYPE_CHECKING:
    from pathlib import Path


def test_show(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(
        capsys, "install", "--environment", ARCHIVE, "--shared-folder", "/home",
        "--env", "SECRET=hidden", "--limit", "KERNEL_MEMORY=16 GiB", "--limit",
        "KERNEL_QUEUE=default,research",
    )  # fmt: skip
    code, out, err = run(
        capsys, "show", "Yarn-Python", "--request", "KERNEL_MEMORY=8 GiB", "--cwd", "/home/alice"
    )
    assert (code, err) == (0, "")
    assert "hidden" not in out
    for line in (
        "memory          8 GiB",
        "vcores          1",
        "queue           default",
        "node label      the queue's default",
        "resource types  none",
        "cwd             /home/alice",
        "env             KERNEL_ID, KERNEL_MEMORY, KERNEL_USERNAME, SECRET",
        f"files           environment: {ARCHIVE} (ARCHIVE, PRIVATE)",
        "limits          KERNEL_MEMORY: up to 16 GiB",
        "                KERNEL_QUEUE: default, research",
    ):
        assert line in out.splitlines()
    found = json.loads(run(capsys, "show", "yarn-python", "--json")[1])
    assert found["limits"] == {
        "KERNEL_MEMORY": 16 * 1024**3, "KERNEL_QUEUE": ["default", "research"]
    }  # fmt: skip
    assert found["argv"][0] == "{resource_dir}/environment/bin/python"
    assert found["folder"] == str(home / "host/kernels/yarn-python")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "there is no kernelspec 'nothing'; installed: other, yarn-python"),
        (["other"], "provisioner_name: must be 'yarnhub'"),
        (["yarn-python", "--request", "KERNEL_MEMORY=8 GiB"], "does not allow a request to"),
        (["yarn-python", "--request", "KERNEL_MEMORY"], "expected NAME=VALUE"),
        (["yarn-python", "--request", "PATH=/x"], "its name must begin with KERNEL_"),
        (["yarn-python", "--request", "KERNEL_USERNAME=nobody-else"], "must be your own name"),
    ],
)
def test_show_refuses(
    arguments: list[str], message: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "install")
    put(home / "host/kernels/other", {"argv": ["x"]})
    code, out, err = run(capsys, "show", *arguments)
    assert (code, out) == (1, "")
    assert message in err


def test_notes_on_files_of_this_host(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = str(home / "e.tar.gz")
    _, _, err = run(capsys, "install", "--environment", archive, "--env", "P=$PATH")
    assert f"environment: {archive} is uploaded from the host that starts the kernel" in err
    assert "env.P: variables of the node are not filled in" in err


def test_a_user_is_the_one_who_runs_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "install")
    request = f"KERNEL_USERNAME={getpass.getuser()}"
    assert run(capsys, "show", "yarn-python", "--request", request)[0] == 0
