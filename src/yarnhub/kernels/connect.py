"""Spark Connect servers: kernels whose process serves Spark's remote protocol to its owner.

The process holds a port of its node. It reports the port and its token to the holder, which issues
the certificate: the host's name in it is YARN's, not one that a container has chosen.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from yarnhub.base.errors import RemoteProtocolError
from yarnhub.base.foreign_text import clean_and_cut, quoted

if TYPE_CHECKING:
    from cryptography.x509 import GeneralName

    from yarnhub.kernels.protocol import ConnectReport

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43,200}")
"""256 bits or more, of characters that need no escape in a URL."""
_LAST_PORT = 65_535
_MAX_ERROR = 2000
"""Characters of the reason for an end, which may have lines of a log."""
_LIFETIME = dt.timedelta(days=3 * 366)
"""Longer than a server runs: the certificate is for one process."""
_CLOCKS = dt.timedelta(days=1)
"""How far clocks may differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectServer:
    """A Spark Connect server, as its holder keeps it.

    Attributes:
        host: The node's name.
        port: The port there, with TLS; 0 if the server has ended.
        token: What clients have to send.
        certificate: The server's, in PEM: clients trust this one only.
        generation: Of the kernel's process that serves it.
        error: Why it has ended; empty otherwise.
    """

    host: str = ""
    port: int = 0
    token: str = field(default="", repr=False)
    certificate: str = ""
    generation: int = 1
    error: str = ""

    @property
    def remote(self) -> str:
        """What `SparkSession.builder.remote` and `SPARK_REMOTE` take, with the token."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"sc://{host}:{self.port}/;use_ssl=true;token={self.token}"


def checked(report: ConnectReport) -> ConnectReport:
    """A report that can be kept and shown.

    Raises:
        RemoteProtocolError: Its port is impossible, or its token is weak or too long.
    """
    if report.error:
        return replace(
            report, port=0, token="", error=clean_and_cut(report.error)[:_MAX_ERROR] or "unknown"
        )
    if not 0 < report.port <= _LAST_PORT:
        raise RemoteProtocolError(f"a port is {quoted(report.port)}")
    if not _TOKEN.fullmatch(report.token):
        raise RemoteProtocolError("a token does not have 43 to 200 letters, digits, '_' and '-'")
    return report


def issue(host: str, now: dt.datetime) -> tuple[bytes, bytes]:
    """A self-signed certificate for a host, and its key, both in PEM.

    Args:
        host: The host's name or IP address.
        now: The time, with a time zone.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Spark Connect")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCKS)
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectAlternativeName([_general_name(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return (
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def _general_name(host: str) -> GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
