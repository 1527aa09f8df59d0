"""Plans of clusters that are never started."""

from __future__ import annotations

from pathlib import Path

from yarnhub.cluster.daemon_names import Roster
from yarnhub.cluster.options import ClusterOptions
from yarnhub.cluster.ports import port_names
from yarnhub.cluster.site.inputs import Plan
from yarnhub.cluster.state.layout import Layout


def plan(**changes: object) -> Plan:
    options = ClusterOptions(**changes)  # type: ignore[arg-type]  # each test names its own
    names = port_names(Roster.of(options))
    ports = {name: 20000 + number for number, name in enumerate(names)}
    return Plan(options, Layout(Path("/state")), Path("/jars"), "carol", ports)
