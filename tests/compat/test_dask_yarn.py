"""What dask-yarn 0.9 does: a scheduler and workers as services, found by keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import skein
from skein.utils import cached_property, format_table, humanize_timedelta

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from compat.conftest import World


def cluster_spec() -> skein.ApplicationSpec:
    small = skein.Resources(memory="64 MiB", vcores=1, gpus=0)
    return skein.ApplicationSpec(
        name="dask",
        queue="default",
        tags=["dask"],
        user="",
        services={
            "dask.scheduler": skein.Service(
                instances=1,
                resources=small,
                max_restarts=0,
                files={},
                env={"A": "b"},
                script="sleep infinity",
            ),
            "dask.worker": skein.Service(
                instances=0,
                resources=small,
                max_restarts=-1,
                depends=["dask.scheduler"],
                files={},
                env={},
                script="sleep infinity",
            ),
        },
    )


def test_specifications_are_read_changed_and_written(tmp_path: Path) -> None:
    spec = cluster_spec()
    spec.to_file(str(tmp_path / "dask.yaml"))
    read = skein.ApplicationSpec.from_file(str(tmp_path / "dask.yaml"))
    read = skein.ApplicationSpec.from_yaml(read.to_yaml())
    read = skein.ApplicationSpec.from_dict(read.to_dict())
    read.services["dask.worker"].instances = 4
    read.services["dask.worker"].env["C"] = "d"
    read.name = "renamed"
    assert read != spec
    assert "dask.scheduler" in read.services["dask.worker"].depends
    with pytest.raises(ValueError):
        skein.ApplicationSpec.from_dict({"services": {}})


def test_what_its_commands_print_with() -> None:
    class Kept:
        @cached_property
        def value(self) -> list[int]:
            return []

    kept = Kept()
    assert kept.value is kept.value
    rows = [("a", 1), ("bb", 22)]
    assert format_table(["name", "n"], rows) == "NAME    N\na       1\nbb      22"
    assert format_table(["name", "n"], []) == "NAME    N"
    durations = {6: "6s", 601: "10m", 6001: "1h 40m"}
    import datetime as dt

    for seconds, text in durations.items():
        assert humanize_timedelta(dt.timedelta(seconds=seconds)) == text


def test_a_cluster(
    client: skein.Client, world: World, tmp_path: Path, eventually: Callable[[Any], None]
) -> None:
    security = skein.Security.new_credentials()
    spec = cluster_spec()
    spec.master.security = security
    app_id = client.submit(spec)
    try:
        app = client.connect(app_id, security=spec.master.security)
        # The scheduler tells where it is, and whoever wants to know waits.
        app.kv["dask.scheduler"] = b"tls://host:1234"
        app.kv["dask.dashboard"] = b"http://host:8787"
        scheduler = app.kv.wait("dask.scheduler").decode()
        assert (scheduler, app.kv.get("missing")) == ("tls://host:1234", None)
        dashboard = app.kv.get("dask.dashboard")
        assert dashboard is not None
        assert dashboard.decode().startswith("http://")

        app.scale("dask.worker", 3)
        eventually(lambda: len(workers(app)) == 3)
        first = workers(app)[0]
        app.kill_container(first)
        assert first not in workers(app)
        with pytest.raises(ValueError):
            app.kill_container("dask.worker_100")
        assert app.get_specification().services["dask.worker"].max_restarts == -1

        # Somebody else attaches, with the pair from a folder.
        security.to_directory(str(tmp_path))
        with skein.ApplicationClient(
            app.address, app.id, security=skein.Security.from_directory(str(tmp_path))
        ) as other:
            assert len(workers(other)) == 2
            other.shutdown(status="SUCCEEDED", diagnostics="closed by its user")
        eventually(lambda: client.application_report(app_id).state == "FINISHED")
        with pytest.raises(skein.ConnectionError):
            app.scale("dask.worker", 1)
        with pytest.raises(skein.ApplicationNotRunningError):
            client.connect(app_id, wait=False)
        report = client.application_report(app_id)
        assert report.diagnostics == "closed by its user"
        # YARN counts what its last containers have used some time after their end.
        eventually(lambda: client.application_report(app_id).usage.memory_seconds > 0)
        assert humanize_timedelta(report.runtime)
    finally:
        client.kill_application(app_id)


def workers(app: skein.ApplicationClient) -> list[str]:
    return [each.id for each in app.get_containers(services=["dask.worker"])]
