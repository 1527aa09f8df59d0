"""Which certificates an HTTPS server of the cluster may prove itself with."""

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
"""X509_V_ERR_*: the chain ends in no certificate that is trusted. Source: openssl verify(1)."""
ADVICE = (
    "set YARNHUB_CA_FILE, or yarnhub.ca-file in core-site.xml, to a PEM file with the certificate "
    "of the cluster's CA, or ssl.client.truststore.location in ssl-client.xml"
)


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose certificates are accepted.

    Attributes:
        certificates: In PEM; each is enough for what it has signed and for itself. Empty for those
            that the system trusts.
        any_host: Whether a certificate may be another host's: Hadoop's hostname verifier ALLOW_ALL.
    """

    certificates: str = ""
    any_host: bool = False

    @property
    def context(self) -> ssl.SSLContext:
        """For all connections: making one takes longer than a handshake.

        Raises:
            ssl.SSLError: The certificates are damaged.
        """
        return _context(self)


TrustSource: TypeAlias = "Callable[[], Trust]"
"""Asked once there is an HTTPS server: a truststore takes time to read."""


def system() -> Trust:
    """What the system trusts."""
    return Trust()


async def trust_for(url: str, source: TrustSource) -> Trust:
    """Whose certificates are accepted at a URL; the source is asked in a thread, if at all.

    Raises:
        ConfigurationError: As the source does.
    """
    return await asyncio.to_thread(source) if url.lower().startswith("https:") else Trust()


@functools.lru_cache(maxsize=16)
def _context(trust: Trust) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=trust.certificates or None)
    if trust.certificates:
        # As Java does: what is in a truststore is trusted as it is, a root or not, and without the
        # extensions that Python asks for since 3.13.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if trust.any_host:
        context.check_hostname = False
    return context


def certificates_of(text: str) -> str:
    """The certificates in a PEM file, without what stands between them."""
    return "\n".join([*_CERTIFICATE.findall(text), ""]).lstrip()


def explained(error: OSError, peer: str, trust: Trust) -> ConnectError:
    """What a connection failed with, in words.

    Args:
        error: What was raised.
        peer: `host:port`.
        trust: What was trusted.
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
