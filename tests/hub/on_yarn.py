"""The configuration of a hub whose servers run on a test's cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster

# JupyterLab is not to open again what was open in the server before.
SERVERS = """
import yarnspawner
c.JupyterHub.spawner_class = "yarnspawner.YarnSpawner"
c.JupyterHub.template_paths = yarnspawner.template_paths
c.YarnSpawner.cmd = "{python} -m yarnspawner.singleuser"
c.YarnSpawner.default_url = "/lab?reset"
c.YarnSpawner.mem_limit = "1 G"
"""
KERBEROS = """
c.YarnSpawner.principal = "jupyterhub"
c.YarnSpawner.keytab = "{keytab}"
"""
# A cluster without Kerberos runs containers as whoever started it, root in these tests.
SIMPLE = """
c.YarnSpawner.args = ["--allow-root"]
"""


def yarn_config(cluster: HadoopCluster, python: Path) -> str:
    """Lines of jupyterhub_config.py.

    Args:
        cluster: Where servers run.
        python: What runs them; with Kerberos other OS users than ours must be able to.
    """
    lines = SERVERS.format(python=python)
    if cluster.options.kerberos:
        return lines + KERBEROS.format(keytab=cluster.keytab("jupyterhub"))
    return lines + SIMPLE
