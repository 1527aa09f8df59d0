"""`yarnhub kernelspec ls`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cli.kernelspec.running import put, run
from yarnhub.cli import kernelspec_folders

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_list(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "ls")[:2] == (
        0, "There is no kernelspec for YARN: `yarnhub kernelspec install` installs one.\n"
    )  # fmt: skip
    assert run(capsys, "ls", "--json")[1] == "[]\n"
    run(capsys, "install", "--queue", "research", "--gpus", "2", "--memory", "2 GiB")
    put(home / "env/kernels/python3", {"argv": ["python3"]})
    put(home / "env/kernels/broken", "{")
    ours = {"provisioner_name": "yarnhub", "config": {"memory": 1}}
    put(
        home / "env/kernels/wrong",
        {"argv": ["x", "{connection_file}"], "metadata": {"kernel_provisioner": ours}},
    )
    code, out, _ = run(capsys, "ls")
    assert code == 0
    assert [line.rstrip() for line in out.splitlines()] == [
        "NAME         DISPLAY NAME    RESOURCES                               QUEUE",
        "wrong        wrong           invalid: see `yarnhub kernelspec show`  -",
        "yarn-python  Python on YARN  2 GiB, 1 vcore, 2 yarn.io/gpu           research",
    ]
    wrong, good = json.loads(run(capsys, "ls", "--json")[1])
    assert "config.memory: must be at least 1 MiB, not 1 byte" in wrong["problem"]
    assert good == {
        "name": "yarn-python",
        "display_name": "Python on YARN",
        "folder": str(home / "host/kernels/yarn-python"),
        "problem": "",
        "queue": "research",
        "memory": 2 * 1024**3,
        "vcores": 1,
        "resource_types": {"yarn.io/gpu": 2},
        "node_label": "",
    }


def test_unreadable_folders_hold_no_kernelspecs(tmp_path: Path) -> None:
    assert kernelspec_folders.kernelspecs_in(tmp_path / "nowhere") == []
