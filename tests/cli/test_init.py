"""The file that `yarnhub init` writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from yarnhub.cli.main import main
from yarnhub.cluster.ports import choose_ports

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """A configuration whose ResourceManager does not answer."""
    folder = tmp_path / "conf"
    folder.mkdir()
    address = f"127.0.0.1:{choose_ports(['rm'], {})['rm']}"
    (folder / "core-site.xml").write_text("<configuration/>")
    (folder / "yarn-site.xml").write_text(
        "<configuration><property><name>yarn.resourcemanager.address</name>"
        f"<value>{address}</value></property></configuration>"
    )
    return folder


def test_a_cluster_that_does_not_answer(
    conf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "jupyterhub_config.py"
    assert main(["init", "--conf-dir", str(conf), "--output", str(output)]) == 0
    assert "Unknown: ResourceManager: " in capsys.readouterr().out
    text = output.read_text()
    assert f'os.environ["HADOOP_CONF_DIR"] = "{conf}"' in text
    assert "# - ResourceManager: " in text
    assert "# - queues" not in text


def test_nothing_is_replaced_unasked(
    conf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "mine.py"
    output.write_text("mine")
    command = ["init", "--conf-dir", str(conf), "--output", str(output)]
    assert main(command) == 1
    assert "mine.py already exists" in capsys.readouterr().err
    assert output.read_text() == "mine"
    assert main([*command, "--force"]) == 0
    assert "YarnSpawner" in output.read_text()


def test_no_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "jupyterhub_config.py"
    command = ["init", "--conf-dir", str(tmp_path / "nowhere"), "--output", str(output)]
    assert main(command) == 1
    error = capsys.readouterr().err
    assert f"the Hadoop configuration folder {tmp_path / 'nowhere'} does not exist" in error
    assert not output.exists()


def test_no_folder_for_it(conf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "nowhere" / "jupyterhub_config.py"
    assert main(["init", "--conf-dir", str(conf), "--output", str(output)]) == 1
    assert "cannot be written: No such file" in capsys.readouterr().err
