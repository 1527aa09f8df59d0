"""`Security`: pairs in memory, in folders, and of the container."""

from __future__ import annotations

import datetime as dt
import stat
import warnings
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

import skein
from skein.core import Properties

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    """A configuration folder, chosen as the tests of skein's users do."""
    before = skein.properties.config_dir
    skein.properties._mapping["config_dir"] = str(tmp_path / "config")
    yield tmp_path / "config"
    skein.properties._mapping["config_dir"] = before


def test_a_new_pair_is_skeins() -> None:
    security = skein.Security.new_credentials()
    assert security.cert_file is security.key_file is None
    assert security.cert_bytes is not None
    certificate = x509.load_pem_x509_certificate(security.cert_bytes)
    assert certificate.subject.rfc4514_string() == "CN=skein-internal"
    assert security != skein.Security.new_credentials()


def test_folders(tmp_path: Path) -> None:
    made = skein.Security.new_credentials()
    kept = made.to_directory(str(tmp_path / "new"))
    assert made != kept == skein.Security.from_directory(str(tmp_path / "new"))
    assert made._get_bytes("cert") == kept._get_bytes("cert")
    assert made._get_bytes("key") == kept._get_bytes("key")
    for name in "skein.crt", "skein.pem":
        assert stat.S_IMODE((tmp_path / "new" / name).stat().st_mode) == 0o600
    with pytest.raises(FileExistsError, match="already exists"):
        made.to_directory(tmp_path / "new")
    other = skein.Security.new_credentials()
    other.to_directory(tmp_path / "new", force=True)
    assert (tmp_path / "new" / "skein.crt").read_bytes() == other.cert_bytes
    (tmp_path / "new" / "skein.crt").unlink()
    with pytest.raises(FileNotFoundError):
        skein.Security.from_directory(tmp_path / "new")


@pytest.mark.parametrize(
    ("path", "error"), [("hdfs:///some/path", ValueError), ("no/such/path", FileNotFoundError)]
)
def test_files_that_cannot_be_read(path: str, error: type[Exception]) -> None:
    security = skein.Security(cert_file=path, key_file=path)
    with pytest.raises(error):
        security._get_bytes("cert")
    with pytest.raises(error):
        skein.ApplicationClient("localhost:1", "application_1_0001", security)


def test_the_users_own_pair_is_made_once_with_a_warning(config: Path) -> None:
    with pytest.warns(UserWarning, match="Skein global security credentials not found, writing"):
        made = skein.Security.from_default()
    assert (config / "skein.pem").exists()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert skein.Security.from_default() == made


def _warnings_of_from_default(config: str) -> int:
    skein.properties._mapping["config_dir"] = config
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        skein.Security.from_default()
    return len(found)


def test_processes_that_begin_at_once_make_one_pair(tmp_path: Path) -> None:
    import multiprocessing

    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        found = pool.map(_warnings_of_from_default, [str(tmp_path / "config")] * 4)
    assert sum(found) == 1


def test_a_container_of_skeins_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What tests of programs for skein make themselves look like."""
    security = skein.Security.new_credentials()
    container = "container_1526134340424_0012_01_000005"
    for disk in "bad", "good":
        (tmp_path / disk / container).mkdir(parents=True)
    monkeypatch.setenv("SKEIN_APPLICATION_ID", "application_1526134340424_0012")
    monkeypatch.setenv("SKEIN_APPMASTER_ADDRESS", "edge.example.com:8765")
    monkeypatch.setenv("CONTAINER_ID", container)
    monkeypatch.setenv("LOCAL_DIRS", f"{tmp_path / 'bad'},{tmp_path / 'good'}")
    monkeypatch.delenv("HADOOP_TOKEN_FILE_LOCATION", raising=False)
    assert Properties().container_dir is None
    for call in skein.Security.from_default, skein.ApplicationClient.from_current:
        with pytest.raises(FileNotFoundError) as missing:
            call()
        assert str(missing.value) == "Failed to resolve .skein.{crt,pem} in 'LOCAL_DIRS'"

    for kind, name in ("cert", ".skein.crt"), ("key", ".skein.pem"):
        (tmp_path / "good" / container / name).write_bytes(security._get_bytes(kind))
    assert Properties().container_dir == str(tmp_path / "good" / container)
    assert skein.Security.from_default()._get_bytes("key") == security._get_bytes("key")
    with skein.ApplicationClient.from_current() as app:
        assert (app.id, app.address) == (
            "application_1526134340424_0012",
            "edge.example.com:8765",
        )


def old_pair() -> skein.Security:
    """As skein 0.8 made them: RSA, for a year, with no alternative names."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "skein-internal")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    return skein.Security(
        cert_bytes=certificate.public_bytes(serialization.Encoding.PEM),
        key_bytes=key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def test_a_pair_of_old_goes_on_working(client: skein.Client) -> None:
    master = skein.Master(script="sleep infinity", security=old_pair())
    with client.submit_and_connect(skein.ApplicationSpec(master=master)) as app:
        try:
            app.kv["k"] = b"v"
            assert app.kv["k"] == b"v"
            assert app.security is master.security
        finally:
            client.kill_application(app.id)
