"""The commands `yarnhub cluster ...`."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from yarnhub.cli.main import main
from yarnhub.cluster import HadoopCluster
from yarnhub.cluster.processes.process import marked_processes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "state"
    main(["cluster", "stop", "--state", str(tmp_path / "state"), "--delete"])


@pytest.mark.cluster
def test_a_cluster_from_start_to_stop(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = ("--state", str(state))
    start = ["cluster", "start", *place, "-D", "yarn.scheduler.minimum-allocation-mb=48"]
    assert main(start) == 0
    assert 'eval "$(yarnhub cluster env' in capsys.readouterr().out

    assert main(start) == 0
    assert capsys.readouterr().out == f"The cluster in {state} is already running.\n"

    assert main(["cluster", "status", *place]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["DAEMON", "PID", "STATE", "ADDRESS"]
    assert {row.split()[0] for row in rows} == {
        "namenode",
        "datanode",
        "resourcemanager",
        "nodemanager-1",
    }
    assert all("  running  localhost:" in row for row in rows)

    assert main(["cluster", "env", *place]) == 0
    exports = capsys.readouterr().out
    shown = subprocess.run(
        ["/bin/sh", "-ec", f"{exports}\nyarn classpath; cat $HADOOP_CONF_DIR/yarn-site.xml"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert shown.startswith(f"{state}/conf:")
    assert "<name>yarn.scheduler.minimum-allocation-mb</name><value>48</value>" in shown

    assert main(["cluster", "logs", *place]) == 0
    assert f"namenode  {state}/logs/namenode.log" in capsys.readouterr().out.splitlines()
    assert main(["cluster", "logs", "resourcemanager", *place]) == 0
    assert "Transitioned to active state" in capsys.readouterr().out

    os.kill(HadoopCluster.attach(state).pids["datanode"] or 0, 9)
    assert main(["cluster", "stop", *place]) == 0
    assert main(["cluster", "stop", *place]) == 0
    assert marked_processes(state) == []
    capsys.readouterr()
    assert main(["cluster", "status", *place]) == 1
    assert "running" not in capsys.readouterr().out


@pytest.mark.cluster
def test_a_shell_has_the_clusters_environment(hadoop_cluster: HadoopCluster) -> None:
    command = [sys.executable, "-m", "yarnhub.cli.main", "cluster", "shell"]
    shown = subprocess.run(
        [*command, "--state", str(hadoop_cluster.state)],
        env={"PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"},
        input="echo $HADOOP_CONF_DIR; yarn classpath; exit 7",
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.stdout.splitlines()[0] == str(hadoop_cluster.conf_dir)
    assert shown.returncode == 7


def test_stopping_what_never_ran_is_fine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cluster", "stop", "--state", str(tmp_path / "none")]) == 0
    assert capsys.readouterr().out == f"No cluster was started in {tmp_path}/none.\n"


@pytest.mark.parametrize("command", ["status", "env", "logs", "shell"])
def test_what_never_ran_is_one_line_of_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert main(["cluster", command, "--state", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"Error: {tmp_path} is not the state folder of a cluster\n"


def test_a_wrong_property_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["cluster", "start", "--state", str(tmp_path), "-D", "nonsense"]
    assert main(arguments) == 1
    assert capsys.readouterr().err == "Error: -D nonsense: expected NAME=VALUE\n"


@pytest.mark.parametrize(
    "arguments", [[], ["nonsense"], ["cluster"], ["cluster", "start", "--nodes", "many"]]
)
def test_a_usage_error_exits_with_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith("usage: ")


def test_help_needs_none_of_the_clusters_code() -> None:
    program = "import sys; from yarnhub.cli.main import main\ntry: main(['cluster', '--help'])\n"
    program += "finally: print([m for m in sys.modules if m.startswith('yarnhub.cluster')])"
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert shown.stdout.splitlines()[-1] == "[]"
