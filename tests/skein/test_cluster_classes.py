"""The classes on the real cluster."""

from __future__ import annotations

import gc
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import skein as api

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.cluster


@pytest.fixture
def client(skein: Any, monkeypatch: pytest.MonkeyPatch) -> api.Client:
    for name in ("HADOOP_CONF_DIR", "SKEIN_CONFIG"):
        monkeypatch.setenv(name, skein.env[name])
    return api.Client()


def test_the_classes_do_what_the_command_does(
    client: api.Client, skein: Any, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    with client, client.submit_and_connect(api.ApplicationSpec.from_dict({
        "name": "blocking",
        "services": {"worker": {"resources": {"memory": 64, "vcores": 1}, "script": "sleep 600"}},
    })) as app:  # fmt: skip
        skein.submitted.append(app.id)
        report = client.application_report(app.id)
        assert report.state == "running"
        assert (report.name, report.queue) == ("blocking", "default")
        assert (report.host, report.port) == tuple(
            kind(part) for kind, part in zip((str, int), app.address.split(":"), strict=True)
        )
        assert app.id in [each.id for each in client.get_applications(queue="default")]

        app.kv["x"] = b"\0\xff"
        assert dict(app.kv) == app.kv.to_dict() == {"x": b"\0\xff"}
        assert "x" in app.kv
        assert app.kv.pop("nosuch") is None
        with pytest.raises(KeyError):
            app.kv["nosuch"]
        with pytest.raises(KeyError):
            del app.kv["nosuch"]
        with pytest.raises(TypeError, match="value must be bytes"):
            app.kv["x"] = "text"  # type: ignore[assignment]  # that is the point
        setter = threading.Thread(target=lambda: app.kv.put("late", b"1"))
        setter.start()
        assert app.kv.wait("late") == b"1"
        setter.join()
        app.kv.clear()
        assert len(app.kv) == 0

        assert [each.id for each in app.get_containers(services=("worker",))] == ["worker_0"]
        assert [each.id for each in app.scale("worker", 2)] == ["worker_1"]
        assert app.add_container("worker", {"A": "b"}).id == "worker_2"
        app.kill_container("worker_0")
        app.kill_container("worker_0")
        with pytest.raises(ValueError, match="no container instance 9"):
            app.kill_container("worker_9")
        assert [each.id for each in app.get_containers(states=["killed"])] == ["worker_0"]
        app.set_progress(0.5)
        assert app.get_specification().name == "blocking"

        app.shutdown("FAILED", "because")
        with pytest.raises(api.ConnectionError):
            app.kv.wait("never")
        eventually(lambda: client.application_report(app.id).state != "RUNNING")
        with pytest.raises(api.ApplicationNotRunningError, match="because"):
            client.connect(app.id)
        report = client.application_report(app.id)
        assert report.final_status == "failed"
        assert report.diagnostics == "because"
        assert report.usage.num_used_containers == 0
    with pytest.raises(api.ConnectionError, match="closed"):
        client.application_report(app.id)


def test_nodes_and_queues(client: api.Client) -> None:
    nodes = client.get_nodes(states=["running"])
    assert nodes
    every = client.get_nodes()
    assert {node.id for node in nodes} <= {node.id for node in every}
    assert client.get_nodes(states=()) == []
    for node in nodes:
        assert node.state == "running"
        assert node.id == f"{node.host}:{node.port}"
        assert node.total_resources.memory > 0
        assert node.health_report == ""
    with pytest.raises(ValueError, match="'nosuch' is not a node's state"):
        client.get_nodes(states=["nosuch"])

    queues = {queue.name: queue for queue in client.get_all_queues()}
    fruit = {"apples", "bananas", "oranges"}
    assert set(queues) == {"default", "jupyterhub", "fruit", *fruit}
    assert client.get_child_queues("default") == []
    assert {each.name for each in client.get_child_queues("fruit")} == fruit
    for name in ("apples", "fruit.apples", "root.fruit.apples"):
        assert client.get_queue(name).name == "apples"
    assert (queues["default"].capacity, queues["default"].max_capacity) == (40, 100)
    assert queues["default"].state == "running"
    for ask in (client.get_queue, client.get_child_queues):
        with pytest.raises(ValueError, match="Queue 'nosuch' doesn't exist"):
            ask("nosuch")


def test_threads_share_a_client_and_it_survives_pickling(client: api.Client) -> None:
    found: list[object] = []
    copy = pickle.loads(pickle.dumps(client))
    threads = [
        threading.Thread(target=lambda one: found.append(one.get_applications()), args=(each,))
        for each in [client, copy] * 8
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 16


def test_clients_that_are_dropped_are_closed(
    client: api.Client, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    def connections() -> int:
        return sum(_is_socket(entry) for entry in Path("/proc/self/fd").iterdir())

    more = [api.Client() for _ in range(5)]
    for each in more:
        each.get_applications()
    most = connections()
    assert most >= 5
    del each, more
    gc.collect()
    # Those of earlier tests may be closed meanwhile, too: they idle.
    eventually(lambda: connections() <= most - 5)


def _is_socket(entry: Path) -> bool:
    try:
        return str(entry.readlink()).startswith("socket:")
    except FileNotFoundError:
        return False


def test_a_program_ends_although_it_left_its_clients_open(skein: Any) -> None:
    program = "import skein; c = skein.Client(); c.get_applications(); print('done')"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=skein.env,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"done\n", b"")


def test_credentials_of_its_own(client: api.Client, skein: Any, tmp_path: Path) -> None:
    security = api.Security.new_credentials()
    worker = {"resources": {"memory": 64, "vcores": 1}, "commands": ["sleep 600"]}
    master = {"security": security.to_dict(secrets=True)}
    spec = api.ApplicationSpec.from_dict(
        {"name": "tested", "services": {"worker": worker}, "master": master}
    )
    with client.submit_and_connect(spec) as app:
        skein.submitted.append(app.id)
        app.kv["x"] = b"1"
        assert b"BEGIN" not in repr(app.get_specification()).encode()
        with pytest.warns(UserWarning, match="global security credentials not found"):
            stranger = client.connect(app.id)
        with stranger, pytest.raises(api.ConnectionError, match="a different one"):
            _ = stranger.kv["x"]
        security.to_directory(tmp_path / "own")
        found = api.Security.from_directory(tmp_path / "own")
        with client.connect(app.id, security=found) as friend:
            assert friend.kv["x"] == b"1"
