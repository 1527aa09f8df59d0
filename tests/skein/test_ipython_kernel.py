"""A kernel in a container, and a client that runs a cell in it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from skein.recipes.ipython_kernel import kernel_info, main

if TYPE_CHECKING:
    from collections.abc import Callable

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

CLIENT = """\
import json, sys
from jupyter_client import BlockingKernelClient
client = BlockingKernelClient()
client.load_connection_info(json.load(sys.stdin))
client.start_channels()
client.wait_for_ready(timeout=60)
client.execute_interactive("import os; print(6 * 7, os.environ['SKEIN_CONTAINER_ID'])", timeout=60)
client.shutdown()
client.stop_channels()
"""


def test_it_runs_in_a_container_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SKEIN_APPMASTER_ADDRESS", raising=False)
    assert main([]) == 1
    assert capsys.readouterr().err == "Error: Not running inside a container\n"


def test_it_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "--kernel-info-key KEY" in capsys.readouterr().out


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
def test_a_cell_runs_in_a_kernel_in_a_container(
    skein: Any, environment: Path, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    app_id = skein.submit(SPEC.format(environment=environment, arguments=""))
    done = skein("kv", "get", app_id, "--key", "ipython.kernel.info", "--wait")
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert found["ip"] == "127.0.0.1"
    assert found["signature_scheme"] == "hmac-sha256"
    assert len(found["key"]) >= 32

    ran = subprocess.run(
        [environment / "bin" / "python", "-c", CLIENT],
        input=done.stdout,
        capture_output=True,
        check=True,
        timeout=120,
    )
    assert ran.stdout.decode() == "42 ipykernel_0\n"
    eventually(lambda: skein.state(app_id) != "RUNNING")
    cells = [cell.strip() for cell in skein.status(app_id) if cell]
    assert cells[1:4] == ["ipython-kernel", "FINISHED", "SUCCEEDED"]
    logs = skein.out("application", "logs", app_id)
    assert "ipykernel.log" in logs
    assert found["key"] not in logs


@pytest.mark.cluster
@pytest.mark.timeout(400)
def test_a_kernel_with_arguments_of_its_own(skein: Any, environment: Path) -> None:
    arguments = "--kernel-info-key other.key --ip 0.0.0.0 --IPKernelApp.shell_port=19437"
    app_id = skein.submit(SPEC.format(environment=environment, arguments=arguments))
    found = json.loads(skein("kv", "get", app_id, "--key", "other.key", "--wait").stdout)
    assert (found["ip"], found["shell_port"]) == ("127.0.0.1", 19437)
    key = found["key"].encode()
    commands = b"".join(_read(path) for path in Path("/proc").glob("[0-9]*/cmdline"))
    assert b"skein.recipes.ipython_kernel" in commands
    assert key not in commands
    skein.out("application", "shutdown", app_id)


@pytest.mark.cluster
def test_an_environment_without_a_kernel_is_said_to_be_so(skein: Any, tmp_path: Path) -> None:
    # One that has this project and nothing of IPython: the tests' own.
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "activate").write_text(f"PATH={Path(sys.executable).parent}:$PATH\n")
    app_id = skein.submit(SPEC.format(environment=tmp_path, arguments=""))
    error = skein.error("kv", "get", app_id, "--key", "ipython.kernel.info", "--wait")
    assert "Failure in service ipykernel: ipykernel_0 ended. Exit code 1" in error
    assert "the package `ipykernel` cannot" in skein.out("application", "logs", app_id)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended meanwhile
        return b""
