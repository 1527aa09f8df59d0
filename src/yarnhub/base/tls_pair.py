"""A certificate and its key, in PEM, for TLS."""

from __future__ import annotations

import contextlib
import os
import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIPE_CAPACITY = 64 * 1024
"""Bytes that a pipe holds until they are read. Source: pipe(7)."""


def load_pair(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Load a certificate and its key into a context.

    ssl reads keys from files only. These are pipes: nothing is written to a disk, and no other
    process can read them.

    Raises:
        ssl.SSLError: They are not a certificate and its key.
    """
    with _readable(certificate) as certificate_file, _readable(key) as key_file:
        try:
            context.load_cert_chain(certificate_file, key_file)
        except OSError as error:  # for a pipe, OpenSSL reports any error as "Illegal seek"
            raise _refused("one of them is not PEM, or they do not belong together") from error


@contextlib.contextmanager
def _readable(content: bytes) -> Iterator[str]:
    """The path of a file with this content, which can be read once."""
    if len(content) > _PIPE_CAPACITY:
        raise _refused(
            f"a certificate or key of {len(content)} bytes; the limit is {_PIPE_CAPACITY}"
        )
    reader, writer = os.pipe()
    try:
        try:
            os.set_blocking(writer, False)  # where a user's pipes have less room, it is an error
            written = os.write(writer, content)
        finally:
            os.close(writer)
        if written < len(content):
            raise _refused(f"a pipe has room for {written} of {len(content)} bytes")
        yield f"/dev/fd/{reader}"
    finally:
        os.close(reader)


def _refused(reason: str) -> ssl.SSLError:
    return ssl.SSLError(ssl.SSLErrorNumber.SSL_ERROR_SSL, reason)
