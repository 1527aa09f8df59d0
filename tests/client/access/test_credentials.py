from __future__ import annotations

import os
import ssl
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from yarnhub.base.errors import ConfigurationError, CredentialsError, SpecError
from yarnhub.client.access.credentials import CERTIFICATE_FILE, KEY_FILE, Credentials
from yarnhub.control.bootstrap import SERVER_NAME, server_name
from yarnhub.spec import File, Security

if TYPE_CHECKING:
    from pathlib import Path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_and_folder_are_the_users_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Credentials.write_new(tmp_path / "new" / "folder")
    finally:
        os.umask(before)
    folder = tmp_path / "new" / "folder"
    assert {path.name for path in folder.iterdir()} == {CERTIFICATE_FILE, KEY_FILE, "skein.lock"}
    assert {mode(path) for path in folder.iterdir()} == {0o600}
    assert mode(folder) == 0o700


def test_what_was_written_is_read(tmp_path: Path) -> None:
    made = Credentials.write_new(tmp_path)
    assert Credentials.read(tmp_path) == made
    assert Credentials.read_or_create(tmp_path) == made


def test_none_is_none(tmp_path: Path) -> None:
    assert Credentials.read(tmp_path / "missing") is None
    assert list(tmp_path.iterdir()) == []


def test_an_existing_pair_is_replaced_only_by_force(tmp_path: Path) -> None:
    first = Credentials.write_new(tmp_path)
    with pytest.raises(ConfigurationError, match="--force"):
        Credentials.write_new(tmp_path)
    assert Credentials.read(tmp_path) == first
    second = Credentials.write_new(tmp_path, force=True)
    assert second != first
    assert Credentials.read(tmp_path) == second


@pytest.mark.parametrize("name", [CERTIFICATE_FILE, KEY_FILE])
def test_half_a_pair_is_an_error_with_the_way_out(tmp_path: Path, name: str) -> None:
    Credentials.write_new(tmp_path)
    (tmp_path / name).unlink()
    for call in (Credentials.read, Credentials.read_or_create, Credentials.write_new):
        with pytest.raises(CredentialsError, match="cannot be read") as caught:
            call(tmp_path)
        assert name in str(caught.value)
    assert Credentials.write_new(tmp_path, force=True) == Credentials.read(tmp_path)


def test_a_write_that_was_cut_off_before_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / f".{KEY_FILE}.{os.getpid()}").write_text("half")
    made = Credentials.read_or_create(tmp_path)
    assert Credentials.read(tmp_path) == made
    assert len(list(tmp_path.iterdir())) == 3


def test_threads_that_begin_at_once_get_one_pair(tmp_path: Path) -> None:
    # Many rounds: what goes wrong here does so only when one reads between two writes.
    for number in range(25):
        folder = tmp_path / str(number)
        begin = threading.Barrier(8)
        created: list[Path] = []
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: _created(folder, begin, created), range(8)))  # noqa: B023
        assert len({each.key for each in found}) == 1
        assert created == [folder], "one of them is told"


def _created(folder: Path, begin: threading.Barrier, created: list[Path]) -> Credentials:
    begin.wait(60)
    return Credentials.read_or_create(folder, created=lambda: created.append(folder))


def test_a_first_write_that_begins_while_somebody_reads_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # There is no lock yet when the reader looks for it; then the writer is there.
    read = Credentials._read.__func__  # type: ignore[attr-defined]  # a class method's function
    halves = iter([True])

    def read_between(cls: type[Credentials], folder: Path) -> Credentials | None:
        if next(halves, False):
            monkeypatch.undo()
            Credentials.write_new(tmp_path)
            raise ConfigurationError("half of it")
        found: Credentials | None = read(cls, folder)
        return found

    monkeypatch.setattr(Credentials, "_read", classmethod(read_between))
    assert Credentials.read(tmp_path) == Credentials.read(tmp_path)


def test_processes_that_begin_at_once_get_one_pair(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path;"
        "from yarnhub.client.access.credentials import Credentials;"
        "import cryptography.x509; print(flush=True); sys.stdin.readline();"
        "sys.stdout.buffer.write(Credentials.read_or_create(Path(sys.argv[1])).key)"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
    keys = {process.communicate(timeout=60)[0] for process in processes}
    assert len(keys) == 1
    assert keys == {(tmp_path / KEY_FILE).read_bytes()}


def test_a_pair_is_never_seen_in_halves(tmp_path: Path) -> None:
    # Readers beside a writer that replaces the pair get the old one or the new one, whole.
    Credentials.write_new(tmp_path)
    stop = threading.Event()

    def replace() -> None:
        while not stop.is_set():
            Credentials.write_new(tmp_path, force=True)

    writer = threading.Thread(target=replace)
    writer.start()
    try:
        for _ in range(50):
            pair = Credentials.read(tmp_path)
            assert pair is not None
            pair.client_context()  # refuses a key that is not the certificate's
    finally:
        stop.set()
        writer.join(60)


def test_a_folder_that_cannot_be_written_can_be_read(tmp_path: Path) -> None:
    made = Credentials.write_new(tmp_path)
    (tmp_path / "skein.lock").unlink()
    assert Credentials.read_or_create(tmp_path) == made
    assert not (tmp_path / "skein.lock").exists()


def test_the_certificate_is_for_its_name_and_this_key() -> None:
    pair = Credentials.generate()
    certificate = x509.load_pem_x509_certificate(pair.certificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.DNSName) == [SERVER_NAME]
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert lifetime.days > 3650
    context = pair.client_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert len(context.get_ca_certs()) == 1, "nobody else is trusted"


def test_secrets_are_in_no_repr() -> None:
    pair = Credentials.generate()
    assert repr(pair) == "Credentials(...)"
    assert "PRIVATE" not in f"{pair} {[pair]}"


def test_no_file_of_the_key_stays_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    Credentials.generate().client_context()
    assert list(tmp_path.iterdir()) == []


# --- the pair that a specification names


def test_a_pair_given_as_bytes_or_by_files(tmp_path: Path) -> None:
    (tmp_path / "c").write_bytes(b"certificate")
    found = Credentials.of(
        Security(cert_file=File(source=f"file://{tmp_path}/c"), key_bytes=b"key")
    )
    assert found == Credentials(b"certificate", b"key")
    found = Credentials.of(Security(cert_bytes=b"x", key_file=File(source=str(tmp_path / "c"))))
    assert found == Credentials(b"x", b"certificate")


@pytest.mark.parametrize(
    ("source", "reason"),
    [("/missing/file", "cannot be read: No such file"), ("hdfs:///k", "must be a file on this")],
)
def test_a_file_that_is_not_here_is_named(source: str, reason: str) -> None:
    with pytest.raises(SpecError, match=reason) as caught:
        Credentials.of(Security(cert_bytes=b"x", key_file=File(source=source)))
    assert caught.value.path == "master.security.key_file.source"


def test_writing_a_pair_replaces_another_by_force_only(tmp_path: Path) -> None:
    first = Credentials.write_new(tmp_path)
    pair = Credentials.generate()
    with pytest.raises(FileExistsError, match="already exists"):
        pair.write(tmp_path, force=False)
    assert Credentials.read(tmp_path) == first
    pair.write(tmp_path, force=True)
    assert Credentials.read(tmp_path) == pair
    assert mode(tmp_path / KEY_FILE) == 0o600


# --- the pairs of applications

FIRST, SECOND = "application_1700000000000_0001", "application_1700000000000_0002"


def test_an_applications_pair_is_always_the_same(tmp_path: Path) -> None:
    holder = Credentials.write_new(tmp_path)
    own = holder.for_application(FIRST)
    read = Credentials.read(tmp_path)
    assert read is not None
    assert read.for_application(FIRST) == own != holder
    assert own.for_application(FIRST) is own


def test_no_two_pairs_share_a_key() -> None:
    holder, other = Credentials.generate(), Credentials.generate()
    first = holder.for_application(FIRST)
    pairs = [
        holder,
        first,
        holder.for_application(SECOND),
        first.for_application(SECOND),
        other.for_application(FIRST),
    ]
    assert len({pair.key for pair in pairs}) == len({pair.certificate for pair in pairs}) == 5


def test_the_form_of_the_holders_key_does_not_matter() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    forms = serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL
    found = {
        Credentials(
            b"",
            b"\n"
            + key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()),
        )
        .for_application(FIRST)
        .key
        for form in forms
    }
    assert len(found) == 1


def test_a_pair_of_an_application_signs_for_nobody_else() -> None:
    own = Credentials.generate().for_application(FIRST)
    certificate = x509.load_pem_x509_certificate(own.certificate)
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert certificate.subject.rfc4514_string() == f"CN={server_name(FIRST)}"
    certificate.verify_directly_issued_by(certificate)


@pytest.mark.parametrize("key", [b"", b"no key", b"\xff"])
def test_what_is_no_key_is_an_error_in_words(key: bytes) -> None:
    with pytest.raises(ConfigurationError, match="not a private key in PEM"):
        Credentials(b"", key).for_application(FIRST)


def test_a_pair_that_is_named_has_to_be_one() -> None:
    own, other = Credentials.generate(), Credentials.generate()
    security = Security(cert_bytes=own.certificate, key_bytes=own.key)
    assert Credentials.named_by(security) == own
    for wrong in other.key, b"no key":
        with pytest.raises(SpecError, match="not a certificate and its key") as caught:
            Credentials.named_by(Security(cert_bytes=own.certificate, key_bytes=wrong))
        assert caught.value.path == "master.security"
