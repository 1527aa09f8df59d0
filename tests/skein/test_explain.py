"""`skein application explain` and `skein container add` on the real cluster."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

pytestmark = pytest.mark.cluster

SPEC = """\
name: explained
services:
  one:
    resources: {memory: 64, vcores: 1}
    script: echo "$WORD"; sleep 600
    env: {WORD: of the service}
  far:
    resources: {memory: 64, vcores: 1}
    nodes: [no-such-host]
    script: "true"
  last:
    resources: {memory: 64, vcores: 1}
    depends: [far]
    script: "true"
"""


def explain(skein: Any, app_id: str) -> dict[str, Any]:
    text = skein.out("application", "explain", app_id, "--output", "json")
    found: dict[str, Any] = json.loads(text)
    assert found["id"] == app_id
    return found


def test_an_application_is_explained_and_given_one_more_container(
    skein: Any, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    app_id = skein.submit(SPEC)
    assert explain(skein, app_id)["state"] in ("ACCEPTED", "RUNNING")
    added = ("container", "add", app_id, "-s", "one", "--env", "WORD=of=its own", "--env", "B=")
    assert skein.out(*added) == "one_1\n"
    one = ("application", "logs", app_id, "--container", "one_1", "--file", "one.log")
    eventually(lambda: skein(*one).stdout == b"of=its own\n")
    assert "Unknown service 'two'" in skein.error("container", "add", app_id, "-s", "two")

    summary = "It runs, with 2 containers of its services and waits for 2 more."
    eventually(lambda: explain(skein, app_id)["summary"] == summary)
    found = explain(skein, app_id)
    assert found["summary"] == summary
    assert found["reasons"] == [
        "A container of far waits for a node among no-such-host: no such node is running.",
        "1 container of last waits for far (1 of 1 not started).",
    ]
    assert {each["container"] for each in found["places"]} == {"master", "one_0", "one_1"}
    assert {each["resources"]["memory-mb"] for each in found["places"]} == {512, 64}
    lines = skein.out("application", "explain", app_id).splitlines()
    assert lines[0] == f"{app_id} is RUNNING. {found['summary']}"
    assert lines[1] == f"- {found['reasons'][0]}"
    assert lines[4].split() == ["CONTAINER", "YARN_CONTAINER_ID", "NODE", "VCORES", "MEMORY"]

    skein.out("application", "kill", app_id)
    assert skein.out("application", "explain", app_id).startswith(
        f"{app_id} is KILLED. It has ended (KILLED): Application {app_id} was killed by user"
    )


def test_what_waits_for_the_limit_of_its_queue(
    skein: Any, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    # ApplicationMasters can use 80 % of the cluster: less than two of these, on one node or two.
    resources = "{memory: 6600, vcores: 1}"
    huge = f"name: huge\nqueue: oranges\nmaster: {{script: sleep 600, resources: {resources}}}\n"
    skein.submit(huge)
    last = skein.submit(huge)
    found: dict[str, Any] = {}

    def waits() -> bool:
        found.update(explain(skein, last))
        return bool(found["summary"] == "It waits for a container for its ApplicationMaster.")

    eventually(waits)
    assert found["state"] == "ACCEPTED"
    assert found["reasons"][0].startswith(
        "The ApplicationMasters of queue root.fruit.oranges can use at most"
    )
