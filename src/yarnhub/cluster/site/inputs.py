"""The inputs of the site files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from yarnhub.cluster.options import ClusterOptions
    from yarnhub.cluster.state.layout import Layout


@dataclass(frozen=True, slots=True)
class SiteInputs:
    """The values that the site files depend on.

    Attributes:
        options: The caller's options.
        layout: The state folder.
        jars: The folder of Hadoop's jars.
        user: The OS user who runs the daemons.
        ports: By name, see `yarnhub.cluster.ports`.
    """

    options: ClusterOptions
    layout: Layout
    jars: Path
    user: str
    ports: Mapping[str, int]
