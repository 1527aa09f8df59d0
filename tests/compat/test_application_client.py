"""`ApplicationClient`: containers, progress and the end of a running application."""

from __future__ import annotations

import datetime as dt
import pickle
from typing import TYPE_CHECKING, Any

import pytest

import skein
from e2e.walk import kill_master
from skein import model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from compat.conftest import World

SMALL = skein.Resources(memory=64, vcores=1)


def container(**changes: Any) -> model.Container:
    fields: dict[str, Any] = {
        "service_name": "foo",
        "instance": 0,
        "state": "running",
        "yarn_container_id": "container_1528138529205_0038_01_000001",
        "yarn_node_http_address": "worker.example.com:14420",
        "start_time": dt.datetime(2018, 6, 7, 23, 21, 25),  # noqa: DTZ001  # as skein gives times
        "finish_time": None,
        "exit_message": "",
    }
    return model.Container(**{**fields, **changes})


def test_containers_are_made_and_compared() -> None:
    one = container()
    assert (one.id, one.state) == ("foo_0", "RUNNING")
    assert one == pickle.loads(pickle.dumps(one)) != container(state="SUCCEEDED")
    assert repr(one) == "Container<service_name='foo', instance=0, state=RUNNING>"
    assert one.runtime > dt.timedelta(days=1)
    assert container(start_time=None, state="WAITING").runtime == dt.timedelta()
    assert one.yarn_container_logs.startswith(
        "worker.example.com:14420/node/containerlogs/container_1528138529205_0038_01_000001/"
    )
    assert container(yarn_node_http_address="").yarn_container_logs == ""


@pytest.fixture
def busy(app: skein.ApplicationClient) -> Iterator[skein.ApplicationClient]:
    """The module's application with one sleeper."""
    app.scale("sleeper", 1)
    yield app
    app.scale("sleeper", 1)


def numbers(containers: list[model.Container]) -> list[int]:
    return [each.instance for each in containers]


def test_scaling(
    busy: skein.ApplicationClient, eventually: Callable[[Callable[[], Any]], None]
) -> None:
    (first,) = numbers(busy.get_containers(["sleeper"]))
    new = busy.scale("sleeper", 3)
    assert {str(each.state) for each in new} <= {"REQUESTED", "WAITING"}
    assert min(numbers(new)) > first, "numbers are used once"
    eventually(lambda: len(busy.get_containers(["sleeper"], ["RUNNING"])) == 3)
    running = busy.get_containers(["sleeper"])
    assert all(each.start_time and each.yarn_container_id for each in running)
    stopped = busy.scale("sleeper", count=1)
    assert numbers(stopped) == sorted([first, *numbers(new)])[:2], "the oldest first"
    assert busy.scale("sleeper", 1) == []
    assert len(busy.scale("sleeper", delta=2)) == 2
    assert len(busy.scale("sleeper", delta=-1)) == 1
    assert busy.scale("sleeper", delta=0) == []
    assert len(busy.scale("sleeper", delta=-10)) == 2
    assert busy.get_containers(["sleeper"]) == []
    with pytest.warns(UserWarning, match="instances is deprecated, use count instead"):
        assert len(busy.scale("sleeper", instances=1)) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"service": "sleeper", "count": 2, "delta": 2}, "count"),
        ({"service": "sleeper"}, "count"),
        ({"service": "nosuch", "count": 2}, "Unknown service 'nosuch'"),
        ({"service": "sleeper", "count": -5}, "negative"),
    ],
)
def test_scaling_to_what_cannot_be(
    app: skein.ApplicationClient, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        app.scale(**arguments)


def test_containers_are_listed(busy: skein.ApplicationClient) -> None:
    busy.add_container("idle")
    found = busy.get_containers()
    assert [each.service_name for each in found] == ["idle", "sleeper"]
    for services in (("idle",), {"idle"}, ["idle"], iter(["idle"])):
        assert [each.service_name for each in busy.get_containers(services=services)] == ["idle"]
    for states in (["killed"], (model.ContainerState.KILLED,)):
        killed = busy.get_containers(services=["sleeper"], states=states)
        assert numbers(killed) == sorted(numbers(killed))
        assert killed[0].id == "sleeper_0"
        assert all(each.exit_message and each.finish_time for each in killed)
    assert busy.get_containers(states=[]) == []
    with pytest.raises(ValueError, match="missing"):
        busy.get_containers(services=["sleeper", "missing"])
    with pytest.raises(ValueError):
        busy.get_containers(states=["nosuch"])
    busy.scale("idle", 0)


def test_killing(busy: skein.ApplicationClient) -> None:
    (one,) = busy.get_containers(["sleeper"])
    busy.kill_container(one.id)
    busy.kill_container(one.id)
    busy.kill_container("sleeper_0")
    assert busy.get_containers(["sleeper"]) == []
    for wrong in "nosuch_1", "sleeper_500", "nonumber":
        with pytest.raises(ValueError):
            busy.kill_container(wrong)


def test_adding(
    client: skein.Client,
    app: skein.ApplicationClient,
    eventually: Callable[[Callable[[], Any]], None],
) -> None:
    new = app.add_container("idle", env={"A": "b"})
    assert (new.service_name, new.instance) == ("idle", max(numbers(app.get_containers(["idle"]))))
    assert new.state in ("WAITING", "REQUESTED")
    app.kill_container(new.id)
    with pytest.raises(ValueError, match="Unknown service"):
        app.add_container("nosuch")


def test_progress(
    client: skein.Client,
    app: skein.ApplicationClient,
    eventually: Callable[[Callable[[], Any]], None],
) -> None:
    app.set_progress(0.5)
    eventually(lambda: client.application_report(app.id).progress == 0.5)
    for wrong in -0.5, 1.5:
        with pytest.raises(ValueError, match="progress must be between 0 and 1"):
            app.set_progress(wrong)


def test_the_specification_in_effect(app: skein.ApplicationClient) -> None:
    spec = app.get_specification()
    assert isinstance(spec, skein.ApplicationSpec)
    assert set(spec.services) == {"sleeper", "idle"}
    assert spec.services["sleeper"].resources == SMALL


def test_the_client_itself(app: skein.ApplicationClient) -> None:
    assert repr(app) == f"ApplicationClient<{app.id}, {app.address}>"
    other = pickle.loads(pickle.dumps(app))
    assert (other.id, other.address, other.security) == (app.id, app.address, app.security)
    with skein.ApplicationClient(app.address, app.id, app.security) as third:
        assert third.get_specification() == other.get_specification()
    other.close()
    other.close()
    with pytest.raises(skein.ConnectionError):
        other.get_specification()


def test_other_credentials_connect_to_nothing(
    client: skein.Client, app: skein.ApplicationClient
) -> None:
    for other in (
        skein.ApplicationClient(app.address, app.id, skein.Security.new_credentials()),
        client.connect(app.id, security=skein.Security.new_credentials()),
    ):
        with pytest.raises(skein.ConnectionError, match="certificate"):
            other.get_specification()


def test_nobody_at_an_address(world: World) -> None:
    app = skein.ApplicationClient("localhost:1", "application_1_0001")
    with pytest.raises(skein.ConnectionError):
        app.kv.list_keys()


@pytest.mark.parametrize(
    ("master", "service", "status"),
    [
        ("sleep infinity", "exit 1", "FAILED"),
        ("exit 0", "sleep infinity", "SUCCEEDED"),
        ("exit 1", "sleep infinity", "FAILED"),
    ],
)
def test_what_ends_an_application(
    client: skein.Client,
    run: Callable[[Any], str],
    eventually: Callable[[Callable[[], Any]], None],
    master: str,
    service: str,
    status: str,
) -> None:
    services = {"s": skein.Service(SMALL, service)}
    spec = skein.ApplicationSpec(services, skein.Master(script=master))
    app_id = run(spec)
    eventually(lambda: client.application_report(app_id).final_status == status)


def test_the_masters_script_outlives_services(
    client: skein.Client, run: Callable[[Any], str], eventually: Callable[[Any], None]
) -> None:
    services = {
        "ends": skein.Service(SMALL, "exit 0"),
        "fails": skein.Service(SMALL, "exit 1", max_restarts=2, allow_failures=True),
    }
    spec = skein.ApplicationSpec(services, skein.Master(script="sleep infinity"))
    with client.connect(run(spec)) as app:
        eventually(lambda: len(app.get_containers(["fails"], ["FAILED"])) == 3)
        eventually(lambda: len(app.get_containers(["ends"], ["SUCCEEDED"])) == 1)
        assert app.get_containers() == []
        app.shutdown("killed", "that is enough")
        eventually(lambda: client.application_report(app.id).final_status == "KILLED")
        eventually(lambda: client.application_report(app.id).diagnostics == "that is enough")
        eventually(lambda: not answers(app))  # until the ApplicationMaster has gone


def answers(app: skein.ApplicationClient) -> bool:
    try:
        app.get_specification()
    except skein.ConnectionError:
        return False
    return True


def test_a_client_goes_on_with_the_next_master(
    client: skein.Client,
    run: Callable[[Any], str],
    eventually: Callable[[Callable[[], Any]], None],
) -> None:
    spec = skein.ApplicationSpec(
        services={"s": skein.Service(SMALL, "sleep infinity")}, max_attempts=2
    )
    with client.connect(run(spec)) as app:
        eventually(lambda: len(app.get_containers(["s"], ["RUNNING"])) == 1)
        app.kv.put("kept", b"v")
        events = app.kv.events(prefix="later")
        before = app.address
        kill_master(app.id)
        assert app.kv["kept"] == b"v"
        assert app.address != before
        app.kv["later"] = b""
        assert events.get(timeout=30).key == "later"
        assert [each.id for each in app.get_containers()] == ["s_0"]
