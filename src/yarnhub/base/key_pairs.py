"""A certificate and its key, in PEM, for TLS."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl


def load_pair(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Have a context prove a pair.

    ssl reads keys from files only. On Linux this one is in memory, and no disk or other process
    ever sees it; elsewhere it is one that only its user can read, and lives for this call.
    """
    content = certificate + b"\n" + key
    if not hasattr(os, "memfd_create"):
        with tempfile.NamedTemporaryFile() as named:
            named.write(content)
            named.flush()
            context.load_cert_chain(named.name)
        return
    descriptor = os.memfd_create("pair", os.MFD_CLOEXEC)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
