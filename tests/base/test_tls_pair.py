from __future__ import annotations

import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from yarnhub.base.tls_pair import load_pair
from yarnhub.client.access.credentials import Credentials

PAIR = Credentials.generate()


def context() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)


FULL = """
import resource, ssl, sys
from yarnhub.base.tls_pair import load_pair
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
load_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), *(each.encode() for each in sys.argv[1:]))
"""


def test_no_disk_is_needed() -> None:
    pair = PAIR.certificate.decode(), PAIR.key.decode()
    subprocess.run([sys.executable, "-c", FULL, *pair], check=True, timeout=30)


def test_nothing_stays_open() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    load_pair(context(), PAIR.certificate, PAIR.key)
    with pytest.raises(ssl.SSLError):
        load_pair(context(), b"x" * 100_000, PAIR.key)
    # Garbage of other tests may be closed meanwhile.
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


def test_what_is_no_pair_is_refused() -> None:
    with pytest.raises(ssl.SSLError):
        load_pair(context(), PAIR.certificate, Credentials.generate().key)
