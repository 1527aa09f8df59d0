"""The certificates and keys that authenticate clients and applications to each other.

A user, or a service that acts for its users, holds one pair. It is never sent anywhere: each
application gets a pair of its own, derived from the holder's key and the application's id.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError, CredentialsError, SpecError
from yarnhub.base.file_lock import locked
from yarnhub.base.files import read_regular, write_private
from yarnhub.base.tls_pair import load_pair
from yarnhub.control.bootstrap import SERVER_NAME, server_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
    from cryptography.x509 import Certificate

    from yarnhub.spec import File, Security

CERTIFICATE_FILE = "skein.crt"
KEY_FILE = "skein.pem"
_LOCK_FILE = "skein.lock"
_MAX_FILE_SIZE = 1 << 20
"""Bytes of a PEM file; a certificate with its chain has some 10 kB."""
_LIFETIME = dt.timedelta(days=3650)
"""Not used by applications: each uses its own pair, which does not expire."""
_NOT_BEFORE = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_NO_END = dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC)
"""The expiry date of certificates that do not expire. Source: RFC 5280, 4.1.2.5."""
_END = b"-----END CERTIFICATE-----"


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """A self-signed certificate and its key, both PEM; each side trusts this one alone."""

    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        return "Credentials(...)"

    @classmethod
    def generate(cls) -> Credentials:
        """Create a new pair: ECDSA on P-256, self-signed."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, SERVER_NAME)])
        now = dt.datetime.now(dt.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            # Clocks of a cluster's nodes differ.
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + _LIFETIME)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(SERVER_NAME)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        return cls._of_key(certificate, key)

    def for_application(self, application_id: str) -> Credentials:
        """The pair of one application, derived from this one; its own pair returns itself.

        Always the same, byte for byte: the holder can reach all applications submitted with this
        pair and does not need to store anything. Neither this pair nor another application's can be
        derived from an application's pair.

        Raises:
            ConfigurationError: The key is not a private key in PEM.
        """
        if self._is_of(application_id):
            return self
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        # Ed25519: any 32 bytes are a key, and its signatures are deterministic.
        key = Ed25519PrivateKey.from_private_bytes(self._derived(application_id))
        host = server_name(application_id)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(_NOT_BEFORE)
            .not_valid_after(_NO_END)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .sign(key, None)
        )
        return self._of_key(certificate, key)

    def _is_of(self, application_id: str) -> bool:
        # The name in a certificate is ASCII there. This spares those who run in a container, and
        # have the application's pair from it, the time to load a library.
        first, end, _ = self.certificate.partition(_END)
        try:
            certificate = ssl.PEM_cert_to_DER_cert((first + end).decode().strip())
        except ValueError:
            return False
        return server_name(application_id).encode() in certificate

    def _derived(self, application_id: str) -> bytes:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        try:
            key = serialization.load_pem_private_key(self.key, None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise ConfigurationError(f"not a private key in PEM: {error}") from error
        secret = key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        purpose = f"yarnhub application {application_id}".encode()
        return HKDF(hashes.SHA256(), 32, salt=None, info=purpose).derive(secret)

    @classmethod
    def _of_key(cls, certificate: Certificate, key: PrivateKeyTypes) -> Credentials:
        from cryptography.hazmat.primitives import serialization

        return cls(
            certificate.public_bytes(serialization.Encoding.PEM),
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )

    @classmethod
    def read(cls, folder: Path) -> Credentials | None:
        """The pair in a folder; None if there is none.

        Raises:
            CredentialsError: One of its files is missing or cannot be read.
        """
        with _shared(folder) as held:
            try:
                return cls._read(folder)
            except ConfigurationError:
                if held or not (folder / _LOCK_FILE).exists():
                    raise
        return cls.read(folder)  # another process is just writing it

    @classmethod
    def _read(cls, folder: Path) -> Credentials | None:
        certificate, key = folder / CERTIFICATE_FILE, folder / KEY_FILE
        if not certificate.exists() and not key.exists():
            return None
        try:
            return cls(read_regular(certificate, _MAX_FILE_SIZE), read_regular(key, _MAX_FILE_SIZE))
        except OSError as error:
            raise CredentialsError(
                f"the credentials in {folder} cannot be read: {error.strerror} ({error.filename})"
            ) from error

    @classmethod
    def of(cls, security: Security) -> Credentials:
        """The pair that a specification names, read from its files where it names files.

        Raises:
            SpecError: A file is not on this machine, or cannot be read.
        """
        return cls(
            _content(security.cert_bytes, security.cert_file, "cert_file"),
            _content(security.key_bytes, security.key_file, "key_file"),
        )

    @classmethod
    def named_by(cls, security: Security) -> Credentials:
        """The pair that a specification names, like `of`, but checked.

        Raises:
            SpecError: See `of`; or they are not a certificate and its key.
        """
        pair = cls.of(security)
        try:
            pair.client_context()
        except (ValueError, OSError) as error:  # ssl.SSLError is an OSError
            raise SpecError("master.security", f"not a certificate and its key: {error}") from error
        return pair

    @classmethod
    def write_new(cls, folder: Path, *, force: bool = False) -> Credentials:
        """Create a pair and store it in a folder, with files that only the user can read.

        Raises:
            ConfigurationError: A pair exists, and `force` is False.
        """
        with _written(folder):
            if not force and cls._read(folder) is not None:
                raise ConfigurationError(
                    f"a pair already exists in {folder}; with --force it is replaced, and running"
                    f" applications can then no longer be reached"
                )
            pair = cls.generate()
            _write(pair, folder)
            return pair

    @classmethod
    def read_or_create(
        cls, folder: Path, created: Callable[[], object] = lambda: None
    ) -> Credentials:
        """The pair in a folder, created on first use.

        Args:
            folder: The folder.
            created: Called if this call has created it, not another process.

        Raises:
            CredentialsError: One of its files is missing or cannot be read.
        """
        found = cls.read(folder)
        if found is not None:
            return found
        with _written(folder):
            found = cls._read(folder)
            if found is None:
                found = cls.generate()
                _write(found, folder)
                created()
            return found

    def write(self, folder: Path, *, force: bool) -> None:
        """Store the pair in a folder, with files that only the user can read.

        Raises:
            FileExistsError: A pair, or part of one, exists, and `force` is False.
        """
        with _written(folder):
            for name in (CERTIFICATE_FILE, KEY_FILE):
                if not force and (folder / name).exists():
                    raise FileExistsError(f"'{folder / name}' already exists; force replaces it")
            _write(self, folder)

    def client_context(self) -> ssl.SSLContext:
        """A TLS context that accepts only peers with this pair."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # The name in the handshake selects the application. The peer must hold the key of this one
        # certificate, so checking its name would prove nothing more.
        context.check_hostname = False
        context.load_verify_locations(cadata=self.certificate.decode())
        load_pair(context, self.certificate, self.key)
        return context


def _content(content: bytes | None, file: File | None, key: str) -> bytes:
    if content is not None:
        return content
    assert file is not None  # Security takes exactly one of the two
    path = f"master.security.{key}.source"
    from yarnhub.spec.sources import local_path

    local = local_path(file, Path())
    if local is None:
        raise SpecError(path, f"'{file.source}' must be a file on this machine")
    try:
        return read_regular(local, _MAX_FILE_SIZE)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise SpecError(path, f"'{file.source}' cannot be read: {why}") from error


def _write(pair: Credentials, folder: Path) -> None:
    write_private(folder / KEY_FILE, pair.key)
    write_private(folder / CERTIFICATE_FILE, pair.certificate)


@contextlib.contextmanager
def _written(folder: Path) -> Iterator[None]:
    """Hold a folder's lock: two processes may start at once."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(folder / _LOCK_FILE):
        yield


@contextlib.contextmanager
def _shared(folder: Path) -> Iterator[bool]:
    """Exclude writers; False if the folder was never written to and so has no lock."""
    try:
        descriptor = os.open(folder / _LOCK_FILE, os.O_RDONLY)
    except OSError:
        yield False
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield True
    finally:
        os.close(descriptor)
