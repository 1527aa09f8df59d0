"""The default state folders, and whether their clusters are running."""

from __future__ import annotations

from pathlib import Path

from yarnhub.cluster.host import Host
from yarnhub.cluster.processes.process import is_alive
from yarnhub.cluster.state.layout import Layout
from yarnhub.cluster.state.record import read_record

KERBEROS_STATE = Path("/var/lib/yarnhub")
"""For clusters with Kerberos: containers of other OS users must be able to enter the folder."""


def default_state_folder(name: str, *, kerberos: bool) -> Path:
    """The state folder of a new cluster."""
    base = KERBEROS_STATE if kerberos else Host.from_environment().state
    return base / name


def find_state_folder(name: str) -> Path:
    """The state folder of a cluster with this name: of a running one, else an existing one."""
    candidates = [default_state_folder(name, kerberos=kerberos) for kerberos in (False, True)]
    for state in candidates:
        if is_running(state):
            return state
    return next((state for state in candidates if read_record(Layout(state))), candidates[0])


def is_running(state: Path) -> bool:
    """Whether any daemon of the cluster with this state folder is running."""
    record = read_record(Layout(state.resolve()))
    return record is not None and any(map(is_alive, record.processes.values()))
