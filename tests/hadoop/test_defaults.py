"""The defaults that variables in site files may name, against Hadoop's jars."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from importlib import resources

import pytest

from e2e.walk import PROJECT
from yarnhub.cluster.host import Host
from yarnhub.cluster.jars import provide_jars
from yarnhub.cluster.options import ClusterOptions


@pytest.mark.cluster
def test_they_are_those_of_the_jars() -> None:
    version, cache = ClusterOptions().hadoop, Host.from_environment().cache
    jars = asyncio.run(provide_jars(version, cache, repository=None, report=lambda *_: None))
    script = PROJECT / "scripts" / "hadoop_defaults.py"
    made = subprocess.run(
        [sys.executable, script, jars], check=True, capture_output=True, text=True
    )
    kept = resources.files("yarnhub.hadoop") / "defaults.txt"
    assert kept.read_text(encoding="utf-8") == made.stdout
