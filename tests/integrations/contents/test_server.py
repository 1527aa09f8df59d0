"""A real Jupyter server that shows HDFS, asked as JupyterLab asks it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from docs.blocks import PROJECT, blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yarnhub.cluster import HadoopCluster

pytestmark = pytest.mark.cluster

PAGE = PROJECT / "docs" / "howto" / "hdfs-in-jupyterlab.md"


@contextlib.contextmanager
def server(cluster: HadoopCluster, folder: Path, *options: str) -> Iterator[httpx.Client]:
    """The page's server, and who asks it."""
    (text,) = [each.text for each in blocks(PAGE) if each.remark.endswith("test_server.py::server")]
    config = folder / "jupyter_server_config.py"
    config.write_text(text)
    own = folder / "own"
    own.mkdir()
    environment = {
        **cluster.env,
        "HADOOP_USER_NAME": "alice",
        "HOME": str(folder),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
    }
    command = [
        sys.executable, "-m", "jupyter_server", f"--config={config}", "--port=0",
        "--ip=127.0.0.1", "--allow-root", "--no-browser", "--IdentityProvider.token=secret",
        f"--ServerApp.root_dir={own}", *options,
    ]  # fmt: skip
    log = folder / "log"
    with (
        log.open("w") as output,
        subprocess.Popen(command, env=environment, stdout=output, stderr=output) as process,
    ):
        try:
            url = _url(folder / "runtime" / f"jpserver-{process.pid}.json", process, log)
            token = {"Authorization": "token secret"}
            with httpx.Client(base_url=url, headers=token, timeout=30) as client:
                yield client
        finally:
            process.terminate()
            process.wait(30)


def _url(file: Path, process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + 60
    while True:
        # The server writes it when it listens, and not in one step.
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            return str(json.loads(file.read_text())["url"])
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


def _kernel_folders(server_folder: Path) -> set[str]:
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            line = (process / "cmdline").read_bytes()
            if b"ipykernel" in line and str(server_folder).encode() in line:
                found.add(str((process / "cwd").readlink()))
    return found


def test_as_jupyterlab_does(hadoop_cluster: HadoopCluster, base: str, tmp_path: Path) -> None:
    with server(hadoop_cluster, tmp_path, f"--HdfsContents.directory={base}") as client:
        api = "/api/contents"
        root = client.get(api).raise_for_status().json()
        assert [found["name"] for found in root["content"]] == ["hdfs"]

        made = client.post(f"{api}/hdfs", json={"type": "notebook"})
        assert (made.status_code, made.json()["path"]) == (201, "hdfs/Untitled.ipynb")
        path = f"{api}/hdfs/Untitled.ipynb"
        opened = client.get(path, params={"hash": 1}).raise_for_status().json()
        assert opened["hash"]
        saved = client.put(path, json=opened).raise_for_status().json()
        assert saved["last_modified"] >= opened["last_modified"]
        checkpoint = client.post(f"{path}/checkpoints")
        assert (checkpoint.status_code, checkpoint.json()["id"]) == (201, "checkpoint")

        session = {
            "path": "hdfs/Untitled.ipynb", "name": "Untitled.ipynb", "type": "notebook",
            "kernel": {"name": "python3"},
        }  # fmt: skip
        started = client.post("/api/sessions", json=session)
        assert started.status_code == 201
        assert _kernel_folders(tmp_path) == {str(tmp_path / "own")}
        client.delete(f"/api/sessions/{started.json()['id']}").raise_for_status()

        moved = client.patch(path, json={"path": "mine.ipynb"}).raise_for_status().json()
        assert moved["path"] == "mine.ipynb"
        assert (tmp_path / "own" / "mine.ipynb").is_file()
        again = client.patch(f"{api}/mine.ipynb", json={"path": "hdfs/a%20b.ipynb"})
        assert again.status_code == 200

        refused = client.patch(f"{api}/hdfs/missing", json={"path": "hdfs/b"})
        assert refused.status_code == 404
        assert "hdfs/missing" in refused.json()["message"]


def test_a_large_file_up_and_down(hadoop_cluster: HadoopCluster, base: str, tmp_path: Path) -> None:
    piece = "0123456789abcdef" * (1 << 16)
    with server(hadoop_cluster, tmp_path, f"--HdfsContents.directory={base}") as client:
        for number in (1, 2, 3, -1):
            model = {"type": "file", "format": "text", "content": piece, "chunk": number}
            sent = client.put("/api/contents/hdfs/large.txt", json=model)
            assert sent.status_code == 201
        address = "/files/hdfs/large.txt"
        head = client.head(address).raise_for_status()
        assert int(head.headers["Content-Length"]) == 4 << 20
        got = client.get(address, params={"download": 1}).raise_for_status()
        assert got.text == piece * 4
        assert "attachment" in got.headers["Content-Disposition"]
        assert got.headers["Content-Type"] == "text/plain; charset=UTF-8"
        assert client.get("/files/hdfs/missing").status_code == 404
        assert client.get("/files/hdfs").status_code == 400
        (tmp_path / "own" / "local.txt").write_text("mine")
        assert client.get("/files/local.txt").raise_for_status().text == "mine"
        assert client.head("/files/local.txt").raise_for_status().status_code == 200
        assert client.get("/files/hdfs/large.txt", headers={"Authorization": ""}).status_code != 200
