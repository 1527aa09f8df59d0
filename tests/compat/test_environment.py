"""What a process learns of itself: `properties`, and the variables of containers."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

import skein
from skein.core import Properties

if TYPE_CHECKING:
    from collections.abc import Callable

    from compat.conftest import World

NAMES = {
    "application_id",
    "appmaster_address",
    "config_dir",
    "container_dir",
    "container_id",
    "container_resources",
    "yarn_container_id",
}
ENV = """\
env
echo "LOGIN_ID=[$(whoami)]"
test "$PWD" = "$(dirname $HADOOP_TOKEN_FILE_LOCATION)" && echo "IN ITS FOLDER"
"""
INSIDE = """\
import os, skein
app = skein.ApplicationClient.from_current()
mine = skein.properties
assert mine.application_id == app.id and mine.appmaster_address == app.address
assert mine.container_resources == skein.Resources(256, 1), mine.container_resources
assert mine.container_dir == os.getcwd() and mine.yarn_container_id == os.environ["CONTAINER_ID"]
assert skein.Security.from_default() == app.security
app.kv.put("me", mine.container_id.encode(), owner=mine.container_id)
app.kv.wait("go")
app.set_progress(0.75)
app.kv["done"] = b""
app.kv.wait("never")
"""


def test_outside_of_a_container(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "SKEIN_APPLICATION_ID", "SKEIN_CONTAINER_ID", "CONTAINER_ID", "LOCAL_DIRS":
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SKEIN_CONFIG", "/some/where")
    properties = Properties()
    assert set(properties) == NAMES
    assert dict(properties) == {**dict.fromkeys(NAMES), "config_dir": "/some/where"}
    assert properties.config_dir == properties["config_dir"]
    assert set(dir(properties)) >= NAMES
    with pytest.raises(ValueError, match=r"^Not running inside a container$"):
        skein.ApplicationClient.from_current()


def test_they_cannot_be_changed() -> None:
    properties: Any = skein.properties
    assert "missing" not in properties
    with pytest.raises(AttributeError):
        _ = properties.missing
    for name in "missing", "config_dir":
        with pytest.raises(AttributeError):
            setattr(properties, name, 1)
    with pytest.raises(KeyError):
        properties["missing"]
    with pytest.raises(TypeError):
        properties["missing"] = 1


def test_inside_of_a_container(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {
        "SKEIN_APPLICATION_ID": "application_1_0001",
        "SKEIN_APPMASTER_ADDRESS": "host:12",
        "SKEIN_CONTAINER_ID": "worker_3",
        "SKEIN_RESOURCE_MEMORY": "512",
        "SKEIN_RESOURCE_VCORES": "2",
        "CONTAINER_ID": "container_1_0001_01_000002",
    }.items():
        monkeypatch.setenv(name, text)
    properties = Properties()
    assert properties.application_id == "application_1_0001"
    assert properties.appmaster_address == "host:12"
    assert properties.container_id == "worker_3"
    assert properties.container_resources == skein.Resources(512, 2)
    assert properties.yarn_container_id == "container_1_0001_01_000002"


# --- on the cluster


@pytest.mark.parametrize("where", ["service", "master"])
def test_variables(
    client: skein.Client,
    world: World,
    run: Callable[[Any], str],
    eventually: Callable[[Any], None],
    where: str,
) -> None:
    resources = skein.Resources(memory=256, vcores=1)
    env = {"MINE": "a 'b' \"c\" $d"}
    spec = skein.ApplicationSpec(
        name=f"env of a {where}",
        services={"s": skein.Service(resources, ENV, env=env)} if where == "service" else None,
        master=skein.Master(resources, ENV, env=env) if where == "master" else None,
    )
    app_id = run(spec)
    eventually(lambda: client.application_report(app_id).state == "FINISHED")
    logs = client.application_logs(app_id).dumps()
    lines = set(logs.splitlines())
    assert lines >= {
        f"SKEIN_APPLICATION_ID={app_id}",
        "SKEIN_RESOURCE_MEMORY=256",
        "SKEIN_RESOURCE_VCORES=1",
        f"USER={world.user}",
        f"LOGIN_ID=[{world.user}]",
        "IN ITS FOLDER",
    }
    assert "SKEIN_APPMASTER_ADDRESS=" in logs
    assert ("SKEIN_CONTAINER_ID=s_0" in lines) is (where == "service")
    assert ("HADOOP_USER_NAME=" in logs) is (world.cluster.realm is None)
    assert "CLASSPATH" not in logs
    assert "PRIVATE KEY" not in logs
    assert "MINE=a 'b' \"c\" $d" in lines


def test_variables_of_one_container(
    client: skein.Client, run: Callable[[Any], str], eventually: Callable[[Any], None]
) -> None:
    script = 'echo "$SKEIN_CONTAINER_ID: $A $B"'
    service = skein.Service(skein.Resources(64, 1), script, instances=1, env={"A": "1", "B": "2"})
    spec = skein.ApplicationSpec({"s": service}, skein.Master(script="sleep infinity"))
    with client.connect(run(spec)) as app:
        assert app.add_container("s", env={"B": "3"}).id == "s_1"
        eventually(lambda: len(app.get_containers(["s"], ["SUCCEEDED"])) == 2)
        app.shutdown()
        eventually(lambda: client.application_report(app.id).state == "FINISHED")
        logs = client.application_logs(app.id).dumps()
    assert "s_0: 1 2\n" in logs
    assert "s_1: 1 3\n" in logs


def test_a_program_in_a_container(
    client: skein.Client,
    world: World,
    run: Callable[[Any], str],
    eventually: Callable[[Any], None],
) -> None:
    if world.cluster.realm is not None:
        return  # containers of other users cannot be sure to reach this Python
    (world.folder / "inside.py").write_text(INSIDE)
    service = skein.Service(
        resources=skein.Resources(memory=256, vcores=1),
        script=f"{sys.executable} inside.py",
        files={"inside.py": str(world.folder / "inside.py")},
    )
    with client.connect(run(skein.ApplicationSpec({"s": service}))) as app:
        assert app.kv.wait("me", return_owner=True) == (b"s_0", "s_0")
        app.kv["go"] = b""
        app.kv.wait("done")
        eventually(lambda: client.application_report(app.id).progress == 0.75)
