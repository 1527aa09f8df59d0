"""What a server may report."""

from __future__ import annotations

import pytest
from tornado.web import HTTPError

from yarnhub.integrations.jupyterhub.callback import read_port


def test_a_port() -> None:
    assert read_port(b'{"port": 8888}') == 8888


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "no JSON"),
        (b"\xff", "no JSON"),
        (b"[" * 1_000_000, "no JSON"),
        (b"8888", "nothing else"),
        (b"{}", "nothing else"),
        (b'{"port": 1, "ip": "10.0.0.1"}', "nothing else"),
        (b'{"port": "8888"}', "from 1 to 65535"),
        (b'{"port": true}', "from 1 to 65535"),
        (b'{"port": 0}', "from 1 to 65535"),
        (b'{"port": 65536}', "from 1 to 65535"),
        (b'{"port": 1.5}', "from 1 to 65535"),
    ],
)
def test_nothing_else(body: bytes, reason: str) -> None:
    with pytest.raises(HTTPError, match=reason) as caught:
        read_port(body)
    assert caught.value.status_code == 400
