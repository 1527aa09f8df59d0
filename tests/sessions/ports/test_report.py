"""What a container's program may report."""

from __future__ import annotations

import pytest

from yarnhub.sessions.ports.report import ReportError, read_report


def test_a_port() -> None:
    assert read_report(b'{"port": 8888}') == 8888


def test_an_error() -> None:
    assert read_report(b'{"error": "no port is free"}') == "no port is free"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not a JSON"),
        (b"\xff", "not a JSON"),
        (b"[" * 1_000_000, "not a JSON"),
        (b"8888", "nothing else"),
        (b"{}", "nothing else"),
        (b'{"port": 1, "ip": "10.0.0.1"}', "nothing else"),
        (b'{"port": 1, "error": "x"}', "nothing else"),
        (b'{"error": ""}', "must be a string"),
        (b'{"error": ["x"]}', "must be a string"),
        (b'{"port": "8888"}', "from 1 to 65535"),
        (b'{"port": true}', "from 1 to 65535"),
        (b'{"port": 0}', "from 1 to 65535"),
        (b'{"port": 65536}', "from 1 to 65535"),
        (b'{"port": 1.5}', "from 1 to 65535"),
    ],
)
def test_nothing_else(body: bytes, reason: str) -> None:
    with pytest.raises(ReportError, match=reason):
        read_report(body)
