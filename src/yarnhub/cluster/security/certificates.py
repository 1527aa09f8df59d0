"""The cluster's CA, and the certificate that its HTTPS servers share."""

from __future__ import annotations

import datetime as dt
import ipaddress
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

    from yarnhub.cluster.state.layout import Layout

TRUSTSTORE_PASSWORD = "changeit"  # noqa: S105  # Java's default; it protects nothing secret
_LIFETIME = dt.timedelta(days=3650)
_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA, whose key exists only in memory."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def create(cls, name: str = "CA of an embedded cluster") -> Authority:
        """Create a new CA."""
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        usage = dict.fromkeys(_USAGES, False) | {"key_cert_sign": True, "crl_sign": True}
        builder = (
            _builder(name, name, key, key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
        )
        return cls(_signed(builder, key), key)

    @property
    def pem(self) -> str:
        """The certificate, in PEM."""
        from cryptography.hazmat.primitives.serialization import Encoding

        return self.certificate.public_bytes(Encoding.PEM).decode()

    def truststore(self) -> bytes:
        """The certificate in a truststore for Java, in PKCS12."""
        from cryptography.hazmat.primitives.serialization import (
            BestAvailableEncryption,
            pkcs12,
        )

        entry = pkcs12.PKCS12Certificate(self.certificate, b"ca")
        encryption = BestAvailableEncryption(TRUSTSTORE_PASSWORD.encode())
        return pkcs12.serialize_java_truststore([entry], encryption)

    def issue(self, *hosts: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        """Issue a certificate for a server with these names and addresses, with a new key."""
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        issuer = self.certificate.subject.rfc4514_string().removeprefix("CN=")
        names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
        builder = _builder(hosts[0], issuer, key, self.key).add_extension(names, critical=False)
        return _signed(builder, self.key), key

    def keystore(self, password: str, *hosts: str) -> bytes:
        """Issue a certificate in a keystore for Java, in PKCS12."""
        from cryptography.hazmat.primitives.serialization import (
            BestAvailableEncryption,
            pkcs12,
        )

        certificate, key = self.issue(*hosts)
        return pkcs12.serialize_key_and_certificates(
            b"server",
            key,
            certificate,
            [self.certificate],
            BestAvailableEncryption(password.encode()),
        )


def write_certificates(layout: Layout, *hosts: str) -> str:
    """Write a new CA's certificate, a truststore and a keystore; returns the keystore's password.

    Only the daemons' user can read the keystore; everyone can read the others.

    Args:
        layout: The state folder.
        hosts: Names and addresses of the servers.
    """
    layout.tls.mkdir(exist_ok=True)
    authority, password = Authority.create(), secrets.token_hex(16)
    layout.ca.write_text(authority.pem, encoding="ascii")
    layout.truststore.write_bytes(authority.truststore())
    layout.keystore.touch(mode=0o600)
    layout.keystore.write_bytes(authority.keystore(password, *hosts))
    return password


def _builder(
    subject: str,
    issuer: str,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
) -> x509.CertificateBuilder:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    def name(common: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])

    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + _LIFETIME)
        # Python 3.13 refuses chains without these two extensions.
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )


def _signed(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    from cryptography.hazmat.primitives import hashes

    return builder.sign(key, hashes.SHA256())


def _general_name(host: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
