"""Which servers belong to users of the hub."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from yarnhub.integrations.jupyterhub.orphans import claimed


def test_a_server_that_is_just_being_started_is_somebodys() -> None:
    class Query:
        def query(self, _: object) -> list[Any]:
            old, none = SimpleNamespace(state={"app_id": "2"}), SimpleNamespace(state=None)
            return [SimpleNamespace(state={"application_id": "1"}), old, none]

    starting = SimpleNamespace(application_id="", identity="server-a", pending="spawn")
    runs = SimpleNamespace(application_id="3", identity="server-b", pending=None)
    spawners = {"": starting, "other": runs, "of another class": SimpleNamespace(pending=None)}
    app = SimpleNamespace(db=Query(), users={1: SimpleNamespace(spawners=spawners)})
    assert claimed(app) == {"1", "2", "3", "server-a"}
