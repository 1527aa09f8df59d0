"""What dask-gateway's YARN backend does: the scheduler is the master's script, from threads."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

import skein

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from compat.conftest import World


def dask_pair() -> tuple[bytes, bytes]:
    """A pair like dask-gateway's: RSA, for the cluster's name and for skein's."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "dask-internal")])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName(each) for each in ("1234abcd", "dask-internal", "skein-internal")]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=365))
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


def test_a_cluster(
    client: skein.Client, world: World, tmp_path: Path, eventually: Callable[[Any], None]
) -> None:
    certificate, key = dask_pair()
    (tmp_path / "dask.crt").write_bytes(certificate)
    (tmp_path / "dask.pem").write_bytes(key)
    files: Any = {
        "dask.crt": skein.File.from_dict(str(tmp_path / "dask.crt")),
        "dask.pem": skein.File.from_dict({"source": str(tmp_path / "dask.pem")}),
    }
    security = skein.Security(cert_bytes=certificate, key_bytes=key)
    spec = skein.ApplicationSpec(
        name="dask-gateway",
        queue="default",
        user=world.user,
        master=skein.Master(
            security=security,
            resources=skein.Resources(memory="%d b" % (256 * 2**20), vcores=1),  # noqa: UP031  # theirs
            files=files,
            env={"DASK_GATEWAY_CLUSTER_NAME": "1234abcd"},
            script="test -s dask.pem && sleep infinity",
        ),
        services={
            "dask.worker": skein.Service(
                resources=skein.Resources(memory="%d b" % (64 * 2**20), vcores=1),  # noqa: UP031
                instances=0,
                max_restarts=0,
                allow_failures=True,
                files=files,
                env={},
                script='test -s dask.crt && echo "$NAME ${SKEIN_RESOURCE_MEMORY}MiB" && sleep 600',
            )
        },
    )
    with ThreadPoolExecutor(4) as executor:
        app_id = executor.submit(client.submit, spec).result()
        # They are temporary files, which are gone as soon as `submit` returns.
        for name in files:
            (tmp_path / name).unlink()
        try:
            eventually(lambda: client.application_report(app_id).state == "RUNNING")
            report = executor.submit(client.application_report, app_id).result()
            assert str(report.state) == "RUNNING"
            app = skein.ApplicationClient(f"{report.host}:{report.port}", app_id, security=security)
            names = ["a", "b", "c", "d"]
            ids = [
                one.id
                for one in executor.map(
                    lambda n: app.add_container("dask.worker", {"NAME": n}), names
                )
            ]
            assert sorted(ids) == [f"dask.worker_{number}" for number in range(4)]
            eventually(lambda: len(app.get_containers(["dask.worker"], ["RUNNING"])) == 4)
            list(executor.map(app.kill_container, ids[:2]))
            active = {one.id for one in app.get_containers(services=("dask.worker",))}
            assert active == set(ids[2:])
            with pytest.raises(ValueError):
                app.kill_container("dask.worker_77")
            for container in ids[2:]:
                app.kill_container(container)
            # Nothing runs but the scheduler, and the application goes on.
            assert client.application_report(app_id).state == "RUNNING"
        finally:
            client.kill_application(app_id)
        assert client.application_report(app_id).final_status == "KILLED"


def test_a_client_of_ones_own(world: World) -> None:
    keytab = None if world.cluster.realm is None else world.cluster.keytab("alice")
    principal = None if keytab is None else f"alice@{world.cluster.realm}"
    client = skein.Client(
        principal=principal, keytab=keytab, security=skein.Security.new_credentials()
    )
    assert client.get_applications(states=["NEW"]) == []
    client.close()
