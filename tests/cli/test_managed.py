"""Services that a hub starts: their folder, and their end."""

from __future__ import annotations

import argparse
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from yarnhub.base.errors import ConfigurationError
from yarnhub.cli.managed import prepare

HUB = """\
import subprocess, sys
service = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE)
print(service.pid, service.stdout.readline().decode().strip(), flush=True)
input()
"""
SERVICE = """\
import argparse, pathlib, signal, sys
from yarnhub.cli.managed import prepare
prepare(argparse.Namespace(managed=pathlib.Path("state"), config=None))
signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path("stopped").touch(), sys.exit()))
print("ready", flush=True)
while True:
    signal.pause()
"""


LATE = """\
import sys
from yarnhub.cli.main import main
code = main([sys.argv[1], "--managed", "state"])
print([name for name in sys.modules if name.startswith(("yarnhub.server", "jupyterhub"))])
sys.exit(code)
"""


@pytest.fixture
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("yarnhub.cli.managed._end_with_hub", lambda: None)
    monkeypatch.setattr(os, "umask", lambda mode: mode)


def managed(folder: Path, config: Path | None = None) -> argparse.Namespace:
    return argparse.Namespace(managed=folder, config=config)


@pytest.mark.usefixtures("_here")
def test_paths_of_options_and_of_the_hub_stay_valid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTERHUB_SSL_KEYFILE", "internal-ssl/key")
    (tmp_path / "state").mkdir(0o700)
    arguments = managed(Path("state"), Path("config.py"))
    prepare(arguments)
    assert Path.cwd() == tmp_path / "state"
    assert arguments.config == tmp_path / "config.py"
    assert os.environ["JUPYTERHUB_SSL_KEYFILE"] == str(  # noqa: TID251
        tmp_path / "internal-ssl" / "key"
    )


@pytest.mark.usefixtures("_here")
def test_a_folder_that_others_can_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o750)
    with pytest.raises(ConfigurationError, match="other users have access to state"):
        prepare(managed(Path("state")))
    assert Path.cwd() == tmp_path


@pytest.mark.usefixtures("_here")
def test_a_folder_that_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="file/state cannot be used: Not a directory"):
        prepare(managed(Path("file/state")))


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_a_hub_that_is_killed_takes_its_services_with_it(tmp_path: Path) -> None:
    hub = subprocess.Popen(
        [sys.executable, "-c", HUB, SERVICE],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with hub:
        assert hub.stdout is not None
        pid, word = hub.stdout.readline().split()
        assert word == b"ready"
        watched = os.pidfd_open(int(pid))
        try:
            hub.send_signal(signal.SIGKILL)
            ended, _, _ = select.select([watched], [], [], 60)
        finally:
            os.close(watched)
    assert ended
    assert (tmp_path / "state" / "stopped").exists()
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


def run(program: str, folder: Path, *arguments: str, hub: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=folder,
        env={**os.environ, "YARNHUB_HUB_PID": str(hub)},  # noqa: TID251
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.parametrize("service", ["gateway", "dask-gateway", "platform"])
def test_a_service_whose_hub_has_ended_does_not_start(service: str, tmp_path: Path) -> None:
    done = run(LATE, tmp_path, service, hub=os.getppid())
    assert (done.returncode, done.stdout) == (1, "[]\n"), done.stderr
    assert done.stderr == "Error: the hub that started this service has ended\n"
    assert not (tmp_path / "state").exists()


def test_a_service_of_a_hub_that_runs_enters_its_folder(tmp_path: Path) -> None:
    ends = SERVICE.partition("while")[0] + "import os; print(os.environ.get('YARNHUB_HUB_PID'))"
    done = run(ends, tmp_path, hub=os.getpid())
    assert done.stdout.split() == ["ready", "None"], done.stderr
    assert (tmp_path / "state").is_dir()
