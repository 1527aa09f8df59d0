"""Inputs of the site files of clusters that are never started."""

from __future__ import annotations

from pathlib import Path

from yarnhub.cluster.daemon_names import DaemonNames
from yarnhub.cluster.options import ClusterOptions
from yarnhub.cluster.ports import port_names
from yarnhub.cluster.site.inputs import SiteInputs
from yarnhub.cluster.state.layout import Layout


def inputs(**changes: object) -> SiteInputs:
    options = ClusterOptions(**changes)  # type: ignore[arg-type]  # each test names its own
    names = port_names(DaemonNames.of(options))
    ports = {name: 20000 + number for number, name in enumerate(names)}
    return SiteInputs(options, Layout(Path("/state")), Path("/jars"), "carol", ports)
