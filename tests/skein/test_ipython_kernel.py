"""A kernel in a container, and a client that runs a cell in it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from docs.blocks import PROJECT, blocks
from skein.recipes.ipython_kernel import kernel_info, main

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
def test_a_kernel_with_arguments_of_its_own(skein: Any, environment: Path) -> None:
    arguments = "--kernel-info-key other.key --ip 0.0.0.0 --IPKernelApp.shell_port=19437"
    app_id = skein.submit(SPEC.format(environment=environment, arguments=arguments))
    found = json.loads(skein("kv", "get", app_id, "--key", "other.key", "--wait").stdout)
    assert (found["ip"], found["shell_port"]) == ("127.0.0.1", 19437)
    # Messages are signed, by a key that is in no command line and in no log.
    assert found["signature_scheme"] == "hmac-sha256"
    key = found["key"]
    assert len(key) >= 32
    commands = b"".join(_read(path) for path in Path("/proc").glob("[0-9]*/cmdline"))
    assert b"skein.recipes.ipython_kernel" in commands
    assert key.encode() not in commands
    skein.out("application", "shutdown", app_id)
    skein.out("application", "wait", app_id)
    logs = skein.out("application", "logs", app_id)
    assert "ipykernel.log" in logs
    assert key not in logs


@pytest.mark.cluster
def test_an_environment_without_a_kernel_is_said_to_be_so(skein: Any, tmp_path: Path) -> None:
    # The tests' own, as if it had this project and nothing of IPython.
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "activate").write_text(
        f"PATH={Path(sys.executable).parent}:$PATH\nexport PYTHONPATH={tmp_path}\n"
    )
    (tmp_path / "ipykernel.py").write_text("raise ImportError('not installed')\n")
    app_id = skein.submit(SPEC.format(environment=tmp_path, arguments=""))
    error = skein.error("kv", "get", app_id, "--key", "ipython.kernel.info", "--wait")
    assert "Failure in service ipykernel: ipykernel_0 ended. Exit code 1" in error
    assert "the package `ipykernel` cannot" in skein.out("application", "logs", app_id)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended meanwhile
        return b""
