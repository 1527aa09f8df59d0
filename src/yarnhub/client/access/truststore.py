"""The certificates in a truststore: Java's JKS and JCEKS, PKCS12, or PEM.

Source: sun.security.provider.JavaKeyStore (JKS), com.sun.crypto.provider.JceKeyStore;
sun.security.validator.TrustStoreUtil for which entries are trusted.
"""

from __future__ import annotations

import hashlib
import hmac
import ssl
import struct
import warnings
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError
from yarnhub.base.files import read_regular
from yarnhub.hadoop.trust import certificates_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_SIZE = 16 << 20
"""Bytes of a file; Java's own, with the CAs of the whole internet, has 200 000."""
_JKS, _JCEKS = 0xFEEDFEED, 0xCECECECE
_SALT = b"Mighty Aphrodite"
_KEY, _CERTIFICATE = 1, 2
_DIGEST_SIZE = 20


def read_truststore(path: Path, password: str | None) -> str:
    """The certificates in a file, as PEM; the first bytes show the kind of file.

    Args:
        path: The file.
        password: None reads JKS and JCEKS without verifying them, as Java does.

    Raises:
        ConfigurationError: It cannot be read, has no certificate, or the password is wrong.
    """
    try:
        found = _certificates(read_regular(path, MAX_SIZE), password)
    except OSError as error:
        raise ConfigurationError(
            f"the truststore {path} cannot be read: {error.strerror}"
        ) from error
    except ValueError as error:
        raise ConfigurationError(f"the truststore {path} cannot be read: {error}") from error
    if not found:
        raise ConfigurationError(f"the truststore {path} contains no certificate")
    return found


def _certificates(content: bytes, password: str | None) -> str:
    magic = int.from_bytes(content[:4])
    if magic in {_JKS, _JCEKS}:
        return "".join(map(ssl.DER_cert_to_PEM_cert, _read_java(content, password)))
    if content[:1] == b"\x30":  # an ASN.1 sequence
        return _read_pkcs12(content, password)
    return certificates_of(content.decode("utf-8", errors="replace"))


def _read_java(content: bytes, password: str | None) -> Iterator[bytes]:
    store = content[:-_DIGEST_SIZE]
    if password is not None:
        digest = hashlib.sha1(password.encode("utf-16-be") + _SALT + store)  # noqa: S324  # Java's
        if not hmac.compare_digest(digest.digest(), content[-_DIGEST_SIZE:]):
            raise ValueError("the password is wrong, or it is damaged")
    try:
        yield from _JavaStore(store).trusted()
    except (struct.error, IndexError) as error:
        raise ValueError("it is damaged") from error


class _JavaStore:
    """The entries of a JKS or JCEKS file, which has only lengths to find the next one by."""

    def __init__(self, store: bytes) -> None:
        self._store = store
        self._at = 4  # behind the magic
        self._version = self._integer()

    def trusted(self) -> Iterator[bytes]:
        """The certificates that Java trusts, as DER, including the first of a chain."""
        for _ in range(self._integer()):
            kind = self._integer()
            self._block(">H")  # the alias
            self._take(8)  # when it was made
            if kind == _KEY:
                self._block(">I")
                chain = [self._certificate() for _ in range(self._integer())]
                yield from chain[:1]
            elif kind == _CERTIFICATE:
                yield self._certificate()
            else:
                raise ValueError("it holds secret keys, not certificates")

    def _certificate(self) -> bytes:
        if self._version > 1:
            self._block(">H")  # the type, X.509
        return self._block(">I")

    def _block(self, length: str) -> bytes:
        size: int
        (size,) = struct.unpack(length, self._take(struct.calcsize(length)))
        return self._take(size)

    def _integer(self) -> int:
        return int.from_bytes(self._take(4))

    def _take(self, size: int) -> bytes:
        taken = self._store[self._at : self._at + size]
        if len(taken) < size:
            raise IndexError(size)
        self._at += size
        return taken


def _read_pkcs12(content: bytes, password: str | None) -> str:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

    try:
        with warnings.catch_warnings():
            # Of those that are BER and not DER, as some of Java's are.
            warnings.simplefilter("ignore", UserWarning)
            store = pkcs12.load_pkcs12(content, None if password is None else password.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        need = "" if password else "; ssl.client.truststore.password is not set"
        raise ValueError(f"as PKCS12, {error}{need}") from error
    found = [*([store.cert] if store.cert else []), *store.additional_certs]
    return "".join(each.certificate.public_bytes(Encoding.PEM).decode() for each in found)
