"""The configuration at the end of yarnspawner's own documentation, on a cluster with Kerberos."""

from __future__ import annotations

import ast
import io
import json
import re
import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING

import pytest

from docs.blocks import PROJECT, blocks
from e2e.walk import eventually, of_application
from hub.hub import Hub
from yarnhub.filesystem.open import open_file_system
from yarnhub.hadoop.conf import Configuration
from yarnhub.hadoop.security.kerberos import Keytab
from yarnhub.hadoop.security.users import KerberosUser

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster

TUTORIAL = PROJECT / "docs" / "tutorial" / "hub.md"
KEYTAB = "/etc/jupyer/jupyter.keytab"
ENVIRONMENTS = "/path/to/environments"
# As it stands there, but for these two paths.
DOCUMENT = """
# Enable yarnspawner
c.JupyterHub.spawner_class = 'yarnspawner.YarnSpawner'

# Configuration for kerberos security
c.YarnSpawner.principal = 'jupyterhub'
c.YarnSpawner.keytab = '/etc/jupyer/jupyter.keytab'

# Resource limits per-user
c.YarnSpawner.mem_limit = '2 G'
c.YarnSpawner.cpu_limit = 1

# The YARN queue to use
c.YarnSpawner.queue = 'jupyterhub'

# Specify location of the archived Python environment
c.YarnSpawner.localize_files = {
    'environment': {
        'source': 'hdfs:///path/to/environments/environment.tar.gz',
        'visibility': 'public'
    }
}
c.YarnSpawner.prologue = 'source environment/bin/activate'
"""
PACKED = ("bin/activate", "bin/python", "bin/python3", "pyvenv.cfg", "etc", "share/jupyter")
"""Beside our own packages. The others stay on the node, and the archive names the folder: a
NodeManager without Hadoop's native library, such as that of the embedded cluster, starts a process
for each file that it unpacks."""
CELL = "import getpass, sys; print(getpass.getuser(), sys.prefix)"


def test_the_tutorial_has_it_word_for_word() -> None:
    programs = [block.text for block in blocks(TUTORIAL) if block.language == "python"]
    assert syntax(DOCUMENT) in map(syntax, programs)


def syntax(program: str) -> str:
    """What it says, whichever quotes it says it with."""
    return ast.dump(ast.parse(program))


def pack(environment: Path, archive: Path) -> None:
    """Make an archive of an environment."""
    (packages,) = environment.glob("lib/python3*/site-packages")
    with tarfile.open(archive, "w:gz", compresslevel=1) as made:
        for name in PACKED:
            made.add(environment / name, name, filter=needed)
        for name in ("skein", "yarnhub", "yarnspawner"):
            path = packages / name
            made.add(path, str(path.relative_to(environment)))
        others = tarfile.TarInfo(str(packages.relative_to(environment) / "others.pth"))
        text = f"{packages}\n".encode()
        others.size = len(text)
        made.addfile(others, io.BytesIO(text))


def needed(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """All but what helps to debug JupyterLab."""
    return None if entry.name.endswith(".map") else entry


def run_cell(hub: Hub, folder: Path) -> str:
    """What a cell in alice's server prints."""
    port = hub.url.rpartition(":")[2]
    server = {"protocol": "http", "host": "127.0.0.1", "port": port, "base_url": "/user/alice/"}
    (folder / "notebook.json").write_text(json.dumps({**server, "token": hub.token}))
    program = PROJECT / "examples" / "run_cell.py"
    command = [sys.executable, str(program), str(folder / "notebook.json"), CELL]
    return subprocess.run(
        command, check=True, timeout=60, capture_output=True, text=True
    ).stdout.strip()


@pytest.mark.cluster
@pytest.mark.timeout(300)
async def test_its_example_starts_servers(
    kerberos_cluster: HadoopCluster,
    shared_python: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    archive = tmp_path / "environment.tar.gz"
    pack(shared_python.parent.parent, archive)
    monkeypatch.setenv("KRB5_CONFIG", kerberos_cluster.env["KRB5_CONFIG"])
    keytab = kerberos_cluster.keytab("jupyterhub")
    environments = f"/user/jupyterhub/{tmp_path.name}-environments"
    config = DOCUMENT.replace(KEYTAB, str(keytab)).replace(ENVIRONMENTS, environments)
    conf = Configuration.load(kerberos_cluster.conf_dir)
    administrator = KerberosUser(Keytab(keytab, "jupyterhub"))
    async with open_file_system("", conf, administrator) as hdfs:
        await hdfs.make_directory(environments, 0o755)
        try:
            await hdfs.upload(archive, f"{environments}/environment.tar.gz", 0o644)
            async with Hub(tmp_path / "hub", kerberos_cluster.env, config) as hub:
                await check(hub, tmp_path)
        finally:
            await hdfs.delete(environments, recursive=True)


async def check(hub: Hub, folder: Path) -> None:
    """Start alice's server, use it and stop it."""
    answer = await hub.api.post("/users/alice/server")
    assert answer.is_success, f"{answer.text}\n{hub.tail()}"
    # It ends when the server is ready, or has failed.
    progress = await hub.api.get("/users/alice/server/progress", timeout=300)
    assert '"ready": true' in progress.text, f"{progress.text}\n{hub.tail()}"
    (server,) = (await hub.api.get("/users/alice")).json()["servers"].values()
    application = server["state"]["application_id"]
    assert {owner for owner, _, _ in of_application(application).values()} == {"alice"}
    user, prefix = run_cell(hub, folder).split()
    assert user == "alice"
    # A file that is PUBLIC lies on the node for all users, another one among its user's.
    assert re.search(r"/local/filecache/\d+/environment\.tar\.gz$", prefix)
    await hub.stop_server("alice")
    eventually(lambda: not of_application(application), "nothing of it is left")
