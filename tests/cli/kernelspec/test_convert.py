"""`yarnhub kernelspec convert`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cli.kernelspec.running import document, put, run

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_convert(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = put(
        home / "eg",
        {
            "argv": ["run.sh", "--RemoteProcessProxy.kernel-id", "{kernel_id}"],
            "display_name": "Spark",
            "language": "python",
            "env": {"SPARK_OPTS": "--queue research"},
            "metadata": {"process_proxy": {"class_name": "x", "config": {"port_range": "1..2"}}},
        },
    )
    code, out, err = run(capsys, "convert", str(folder / "kernel.json"))
    assert code == 0
    assert json.loads(out)["metadata"]["kernel_provisioner"]["config"] == {"queue": "research"}
    assert err == (
        "Note: config.port_range is not needed: the launcher connects to the gateway, and listens "
        "nowhere\n"
    )
    (home / "new").mkdir()
    output = home / "new/kernel.json"
    arguments = ["convert", str(folder / "kernel.json"), "--output", str(output)]
    assert run(capsys, *arguments)[:2] == (0, "")
    assert output.read_text() == out
    assert "cannot be written: File exists" in run(capsys, *arguments)[2]
    assert run(capsys, "install", "spark", "--template", str(output), "--user")[0] == 0
    assert document(home / "user/kernels/spark")["metadata"]["kernel_provisioner"]["config"] == {
        "queue": "research"
    }
    code, _, err = run(capsys, "convert", str(home / "nowhere"))
    assert (code, "No such file" in err) == (1, True)
    code, _, err = run(capsys, "convert", str(output))
    assert (code, "metadata: has neither Enterprise Gateway's" in err) == (1, True)
