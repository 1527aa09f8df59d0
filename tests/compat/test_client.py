"""`Client`: applications, queues, nodes and what is said where something cannot be."""

from __future__ import annotations

import datetime as dt
import gc
import pickle
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest

import skein
from skein import model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from compat.conftest import World

MISSING = "application_1526134340424_0012"
SCRIPT = skein.ApplicationSpec(name="script", master=skein.Master(script="sleep infinity"))


def report(**changes: Any) -> model.ApplicationReport:
    some = skein.Resources(memory=128, vcores=1)
    fields: dict[str, Any] = {
        "id": "application_1_0001",
        "name": "n",
        "user": "u",
        "queue": "q",
        "tags": ["a"],
        "host": "h",
        "port": 1,
        "tracking_url": "",
        "state": "running",
        "final_status": "undefined",
        "progress": 0.5,
        "usage": model.ResourceUsageReport(10, 20, 2, some, some, some),
        "diagnostics": "",
        "start_time": dt.datetime(2018, 6, 7, 23, 21, 25),  # noqa: DTZ001  # as skein gives times
        "finish_time": None,
    }
    return model.ApplicationReport(**{**fields, **changes})


def test_reports_are_made_and_compared() -> None:
    one = report()
    assert (one.state, one.final_status, one.tags) == ("RUNNING", "UNDEFINED", {"a"})
    assert one == pickle.loads(pickle.dumps(one)) == report(state=model.ApplicationState.RUNNING)
    assert one != report(progress=1.0)
    assert repr(one) == "ApplicationReport<id='application_1_0001', name='n'>"
    assert one.start_time is not None
    ended = report(finish_time=one.start_time + dt.timedelta(seconds=5))
    assert ended.runtime == dt.timedelta(seconds=5)
    assert one.runtime > ended.runtime
    assert report(start_time=None).runtime == dt.timedelta()
    with pytest.raises(ValueError):
        report(state="nosuch")
    assert repr(one.usage) == "ResourceUsageReport<...>"
    running: Any = "running"
    held = one.usage.used_resources
    node = model.NodeReport("n:1", "n:2", "/r", {"gpu"}, running, "", held, held)
    assert (node.host, node.port, str(node.state)) == ("n", 1, "RUNNING")
    assert repr(node) == "NodeReport<id='n:1'>"
    queue = model.Queue("q", running, 50.0, 60.0, 5.0, {"*"}, "")
    assert repr(queue) == "Queue<name='q', percent_used=5.00>"


def test_logs_are_a_mapping_and_a_page() -> None:
    logs = model.ApplicationLogs("application_1_0001", {"container_2": "b<c", "container_1": "a"})
    assert (len(logs), dict(logs)["container_1"]) == (2, "a")
    assert repr(logs) == "ApplicationLogs<application_1_0001>"
    assert logs.dumps() == (
        "** Logs for application_1_0001 **\n"
        "\ncontainer_1\n===========\na\n"
        "\ncontainer_2\n===========\nb<c\n"
    )
    page = logs._repr_html_()
    assert "application_1_0001" in page
    assert "b&lt;c" in page


def test_dump_prints(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    logs = model.ApplicationLogs("application_1_0001", {"c": "x"})
    logs.dump()
    assert capsys.readouterr().out == logs.dumps()
    with (tmp_path / "log").open("w") as file:
        logs.dump(file)
    assert (tmp_path / "log").read_text() == logs.dumps()


@pytest.mark.parametrize("arguments", [{"principal": "alice"}, {"keytab": "/nosuch"}])
def test_a_login_has_two_halves(arguments: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        skein.Client(**arguments)  # type: ignore[arg-type]  # two of many arguments


def test_a_keytab_has_to_exist() -> None:
    with pytest.raises(FileNotFoundError):
        skein.Client(keytab="/nosuch", principal="alice")


def test_errors_have_their_family() -> None:
    assert issubclass(skein.ConnectionError, skein.SkeinError)
    assert issubclass(skein.ConnectionError, OSError)
    assert issubclass(skein.exceptions.TimeoutError, TimeoutError)
    for kind in skein.DriverNotRunningError, skein.ApplicationNotRunningError:
        assert issubclass(kind, skein.ConnectionError)
    assert skein.exceptions.FileNotFoundError is FileNotFoundError
    assert not skein.exceptions.context.is_cli


# --- on the cluster


def test_an_application_is_found(client: skein.Client, app: skein.ApplicationClient) -> None:
    report = client.application_report(app.id)
    assert isinstance(report, model.ApplicationReport)
    assert (report.id, report.name, report.queue) == (app.id, "compat", "default")
    assert f"{report.host}:{report.port}" == app.address
    assert (report.state, report.final_status, report.finish_time) == ("RUNNING", "UNDEFINED", None)
    assert report.usage.num_used_containers >= 1
    assert report.usage.used_resources.memory > 0
    assert isinstance(report.usage.needed_resources, skein.Resources)
    assert report.runtime > dt.timedelta()
    start = report.start_time
    assert start is not None
    second = dt.timedelta(seconds=1)
    filters: dict[str, Any]
    for filters in (
        {},
        {"states": ["running", model.ApplicationState.FAILED]},
        {"name": "compat", "queue": "default", "user": report.user},
        {"queue": "root.default"},
        {"started_begin": start - second, "started_end": start + second},
        {"started_begin": start.strftime("%Y-%m-%d")},
        {"started_end": (start + 2 * second).strftime("%Y-%m-%d %H:%M:%S")},
    ):
        assert app.id in [one.id for one in client.get_applications(**filters)], filters
    for filters in (
        {"states": ["KILLED"]},
        {"name": "other"},
        {"queue": "apples"},
        {"user": "nobody"},
        {"started_end": start - second},
        {"finished_begin": start},
    ):
        assert app.id not in [one.id for one in client.get_applications(**filters)]
    for wrong, error in (12, TypeError), ("4-1-2019", ValueError):
        with pytest.raises(error, match="finished_end"):
            client.get_applications(finished_end=wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError):
        client.get_applications(states=["nosuch"])


def test_reports_are_in_order(client: skein.Client, run: Callable[[Any], str]) -> None:
    run(SCRIPT)
    found = [one.id for one in client.get_applications(states=model.ApplicationState.values())]
    assert found == sorted(found)


def test_nodes(client: skein.Client) -> None:
    nodes = client.get_nodes()
    assert nodes
    node = nodes[0]
    assert isinstance(node.total_resources, skein.Resources)
    assert node.id == f"{node.host}:{node.port}"
    assert client.get_nodes(states=["SHUTDOWN", model.NodeState.RUNNING]) != []
    assert client.get_nodes(states=["decommissioned"]) == []


def test_queues(client: skein.Client) -> None:
    def names(queues: list[model.Queue]) -> set[str]:
        return {queue.name for queue in queues}

    everything = client.get_all_queues()
    assert {"default", "fruit", "apples"} <= names(everything)
    assert names(client.get_child_queues("root")) >= {"default", "fruit"}
    assert client.get_child_queues("default") == []
    found = client.get_queue("default")
    assert (found.name, found.state, found.capacity) == ("default", "RUNNING", 40.0)
    for ask in client.get_queue, client.get_child_queues:
        with pytest.raises(ValueError, match="doesn't exist"):
            ask("missing")


def test_moving(client: skein.Client, run: Callable[[Any], str]) -> None:
    app_id = run(SCRIPT)
    client.connect(app_id).close()
    client.move_application(app_id, "apples")
    assert client.application_report(app_id).queue == "apples"
    client.kill_application(app_id)
    check_refused(client, app_id, "default", "cannot be moved")


def test_where_nothing_is_moved(client: skein.Client, app: skein.ApplicationClient) -> None:
    check_refused(client, app.id, "fruit", "Leaf")
    check_refused(client, app.id, "missing", "doesn't exist")
    check_refused(client, MISSING, "default", "absent|doesn't exist")
    check_refused(client, "oh no", "default", "Invalid")


def check_refused(client: skein.Client, app_id: str, queue: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        client.move_application(app_id, queue)
    assert "org.apache.hadoop" not in str(refused.value)


def test_an_application_that_is_not_there(client: skein.Client) -> None:
    calls: list[Callable[[str], object]] = [
        client.application_report,
        client.connect,
        client.kill_application,
        client.application_logs,
    ]
    for call in calls:
        for name in MISSING, "oh no":
            with pytest.raises(ValueError):
                call(name)


def test_what_the_cluster_never_has(client: skein.Client) -> None:
    master = skein.Master(resources=skein.Resources(64, 5000), script="x")
    with pytest.raises(skein.DriverError, match="vcores"):
        client.submit(skein.ApplicationSpec(master=master))
    master.resources = skein.Resources(64, 1, gpus=1)
    with pytest.raises(ValueError, match=r"yarn\.io/gpu"):
        client.submit(skein.ApplicationSpec(master=master))
    files: Any = {"f": "/no/such/file"}
    with pytest.raises(skein.DriverError, match="/no/such/file"):
        client.submit(skein.ApplicationSpec(master=skein.Master(script="x", files=files)))
    with pytest.raises(skein.DriverError, match="nosuch"):
        client.submit(skein.ApplicationSpec(queue="nosuch", master=skein.Master(script="x")))
    for wrong, error in (None, TypeError), ({"nosuch": 1}, ValueError), ({"name": 1}, TypeError):
        with pytest.raises(error):
            client.submit(wrong)  # type: ignore[arg-type]  # what is tested


def test_a_dict_and_a_path_are_specifications(
    client: skein.Client, tmp_path: Path, eventually: Callable[[Any], None]
) -> None:
    spec = skein.ApplicationSpec(name="ends", master=skein.Master(script="exit 0"))
    spec.to_file(tmp_path / "spec.yaml")
    for given in spec.to_dict(), str(tmp_path / "spec.yaml"):
        app_id = client.submit(given)
        eventually(lambda: client.application_report(app_id).state == "FINISHED")  # noqa: B023  # it is called here
        with pytest.raises(skein.ApplicationNotRunningError, match=app_id):
            client.connect(app_id)
        report = client.application_report(app_id)
        assert (report.final_status, report.usage.num_used_containers) == ("SUCCEEDED", 0)


def test_without_waiting(client: skein.Client, run: Callable[[Any], str]) -> None:
    app_id = run(SCRIPT)
    with pytest.raises(skein.ApplicationNotRunningError):
        client.connect(app_id, wait=False)
    with client.connect(app_id) as app:
        assert app.security == client.security
    client.connect(app_id, wait=False).close()


def test_a_client_is_pickled_shared_closed_and_collected(client: skein.Client) -> None:
    other = pickle.loads(pickle.dumps(client))
    assert (other.address, other.security, other._proc) == (client.address, client.security, None)
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(len(other.get_nodes()))) for _ in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    other.close()
    other.close()
    with pytest.raises(skein.ConnectionError):
        other.get_nodes()
    third = skein.Client(None, client.security, log=False, log_level="debug", java_options="-X")
    assert repr(third).startswith("Client<")
    reference = weakref.ref(third)
    del third
    gc.collect()
    assert reference() is None


def test_there_is_no_driver(client: skein.Client) -> None:
    assert skein.Client.start_global_driver(log=False) == ""
    with skein.Client.from_global_driver() as other:
        assert other.get_nodes() == client.get_nodes()
    skein.Client.stop_global_driver(force=True)


def test_logging_in(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    if world.cluster.realm is None:
        with skein.Client() as client:  # nobody has to
            assert client.get_nodes()
        return
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{world.folder / 'none'}")
    spec = skein.ApplicationSpec(master=skein.Master(script="x"))
    with skein.Client(security=skein.Security.new_credentials()) as client:
        for method, arguments in (
            ("get_applications", ()),
            ("get_nodes", ()),
            ("get_queue", ("default",)),
            ("get_all_queues", ()),
            ("application_report", (MISSING,)),
            ("connect", (MISSING,)),
            ("move_application", (MISSING, "default")),
            ("kill_application", (MISSING,)),
            ("submit", (spec,)),
        ):
            with pytest.raises(skein.DriverError, match="kinit"):
                getattr(client, method)(*arguments)
    keytab = world.cluster.keytab("alice")
    with skein.Client(keytab=keytab, principal=f"alice@{world.cluster.realm}") as client:
        assert client.get_nodes()
    with pytest.raises(skein.DriverError):
        skein.Client(keytab=str(keytab), principal=f"nosuch@{world.cluster.realm}")


def test_whoever_may_not_act_for_others_is_told_for_whom(
    client: skein.Client, world: World
) -> None:
    if world.cluster.realm is None:
        return  # the one user of that cluster may act for everybody
    spec = skein.ApplicationSpec(user="bob", master=skein.Master(script="x"))
    with pytest.raises(skein.DriverError, match=r"alice.*bob"):
        client.submit(spec)
