"""The accepted certificates of the cluster's HTTPS servers."""

from __future__ import annotations

import asyncio
import functools
import re
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from yarnhub.base.errors import ConnectError

if TYPE_CHECKING:
    from collections.abc import Callable

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----[\sA-Za-z0-9+/=]+-----END CERTIFICATE-----")
_UNKNOWN_ISSUER = frozenset({2, 7, 18, 19, 20, 21})
"""X509_V_ERR_*: the chain does not end in a trusted certificate. Source: openssl verify(1)."""
ADVICE = (
    "set YARNHUB_CA_FILE, or yarnhub.ca-file in core-site.xml, to a PEM file with the certificate "
    "of the cluster's CA, or ssl.client.truststore.location in ssl-client.xml"
)


@dataclass(frozen=True, slots=True)
class Trust:
    """The accepted certificates.

    Attributes:
        certificates: In PEM; each is trusted itself and as a CA. Empty for the system's CAs.
        any_host: Whether a certificate may be for another host: Hadoop's hostname verifier
            ALLOW_ALL.
    """

    certificates: str = ""
    any_host: bool = False

    @property
    def context(self) -> ssl.SSLContext:
        """The TLS context of all connections: creating one takes longer than a handshake.

        Raises:
            ssl.SSLError: The certificates are damaged.
        """
        return _context(self)


TrustSource: TypeAlias = "Callable[[], Trust]"
"""Called on first use of HTTPS: a truststore takes time to read."""


def system() -> Trust:
    """The system's trusted CAs."""
    return Trust()


async def trust_for(url: str, source: TrustSource) -> Trust:
    """The accepted certificates for a URL; the source is called in a thread, if needed.

    Raises:
        ConfigurationError: See the source.
    """
    return await asyncio.to_thread(source) if url.lower().startswith("https:") else Trust()


@functools.lru_cache(maxsize=16)
def _context(trust: Trust) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=trust.certificates or None)
    if trust.certificates:
        # As in Java, every certificate of a truststore is trusted, whether a root or not, and
        # without the extensions that Python requires since 3.13.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if trust.any_host:
        context.check_hostname = False
    return context


def certificates_of(text: str) -> str:
    """The certificates in a PEM file, without the text between them."""
    return "\n".join([*_CERTIFICATE.findall(text), ""]).lstrip()


def explained(error: OSError, peer: str, trust: Trust) -> ConnectError:
    """A connection's error, with an explanation.

    Args:
        error: The raised error.
        peer: `host:port`.
        trust: The certificates that were accepted.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = error.verify_message.strip(" .")
        problem = f"the server at {peer} could not be verified ({reason})"
        if error.verify_code not in _UNKNOWN_ISSUER:
            return ConnectError(problem)
        known = "the configured CA" if trust.certificates else "a CA that this system trusts"
        return ConnectError(f"{problem}: its certificate was not issued by {known}; {ADVICE}")
    if isinstance(error, ssl.SSLError):
        return ConnectError(f"no TLS connection to {peer}: {error.reason or error}")
    return ConnectError(f"cannot connect to {peer}: {error}")
