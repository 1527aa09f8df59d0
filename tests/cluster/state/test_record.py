"""The record of a cluster."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from yarnhub.base.errors import ConfigurationError
from yarnhub.cluster.options import ClusterOptions, RpcProtection
from yarnhub.cluster.processes.process import Process
from yarnhub.cluster.state.layout import Layout
from yarnhub.cluster.state.record import Record, read_record, write_record


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    options = ClusterOptions(
        name="mine",
        state=tmp_path,
        kerberos=True,
        rpc_protection=RpcProtection.INTEGRITY,
        java_home=Path("/java"),
        site={"core-site.xml": {"a": "b"}},
    )
    record = Record(
        options, Path("/jars"), Path("/java"), {"kdc": 1}, {"kdc": Process(7, "boot/9")}
    )
    write_record(layout, record)
    assert read_record(layout) == record


def test_no_record_is_no_cluster(tmp_path: Path) -> None:
    assert read_record(Layout(tmp_path)) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', '{"format": 2, "options": 3}'])
def test_what_is_no_record_is_refused(tmp_path: Path, text: str) -> None:
    layout = Layout(tmp_path)
    layout.record.write_text(text)
    with pytest.raises(ConfigurationError, match=r"cluster\.json cannot be read"):
        read_record(layout)


def test_a_record_of_another_format_is_refused(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.record.write_text(json.dumps({"format": 99}))
    with pytest.raises(ConfigurationError, match="another version of yarnhub"):
        read_record(layout)
