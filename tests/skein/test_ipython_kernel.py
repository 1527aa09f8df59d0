"""A kernel in a container, and a client that runs a cell in it."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from docs.blocks import PROJECT, blocks
from yarnhub.integrations.recipes.ipython_kernel import kernel_info

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SPEC = """\
name: ipython-kernel

services:
  ipykernel:
    resources:
      memory: 1024
      vcores: 1
    env:
      HOME: /nosuch
    script: |
      source {environment}/bin/activate
      python -m skein.recipes.ipython_kernel {arguments}
"""


@pytest.mark.parametrize(
    ("bound", "told"), [("0.0.0.0", "10.0.0.7"), ("*", "10.0.0.7"), ("10.0.0.8", "10.0.0.8")]
)
def test_clients_are_told_an_address_that_they_reach(bound: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "kernel.json"
    file.write_text(json.dumps({"ip": bound, "shell_port": 1}))
    kernel = SimpleNamespace(abs_connection_file=str(file))
    assert json.loads(kernel_info(kernel, "10.0.0.7")) == {"ip": told, "shell_port": 1}


@pytest.mark.cluster
@pytest.mark.timeout(400)
def test_the_page_on_kernels(skein: Any, environment: Path, tmp_path: Path) -> None:
    page = blocks(PROJECT / "docs" / "howto" / "kernel.md")
    (spec,) = [block for block in page if block.language == "yaml"]
    (program,) = [block for block in page if block.language == "python"]
    (tmp_path / spec.file).write_text(spec.text)
    activate = f"source {environment}/bin/activate".encode()
    with tarfile.open(tmp_path / "environment.tar.gz", "w:gz") as archive:
        entry = tarfile.TarInfo("bin/activate")
        entry.size = len(activate)
        archive.addfile(entry, io.BytesIO(activate))
    done = subprocess.run(
        [environment / "bin" / "python", "-c", f"{program.text}\nprint(app.id)"],
        cwd=tmp_path,
        env=skein.env,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    printed, app_id = done.stdout.split()
    skein.submitted.append(app_id)
    assert (done.returncode, done.stderr, printed) == (0, "", "42")
    skein.out("application", "wait", app_id)
    cells = [cell.strip() for cell in skein.status(app_id) if cell]
    assert cells[1:4] == ["ipython-kernel", "FINISHED", "SUCCEEDED"]


@pytest.mark.cluster
@pytest.mark.timeout(400)
def test_a_kernel_with_arguments_of_its_own(
    skein: Any, environment: Path, command_lines: Callable[[], bytes]
) -> None:
    arguments = "--kernel-info-key other.key --ip 0.0.0.0 --IPKernelApp.shell_port=19437"
    app_id = skein.submit(SPEC.format(environment=environment, arguments=arguments))
    found = json.loads(skein("kv", "get", app_id, "--key", "other.key", "--wait").stdout)
    assert (found["ip"], found["shell_port"]) == ("127.0.0.1", 19437)
    # Messages are signed, by a key that is in no command line and in no log.
    assert found["signature_scheme"] == "hmac-sha256"
    key = found["key"]
    assert len(key) >= 32
    commands = command_lines()
    assert b"skein.recipes.ipython_kernel" in commands
    assert key.encode() not in commands
    skein.out("application", "shutdown", app_id)
    skein.out("application", "wait", app_id)
    logs = skein.out("application", "logs", app_id)
    assert "ipykernel.log" in logs
    assert key not in logs
