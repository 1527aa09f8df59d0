"""The notebook servers of a user: by the API, and the hub's answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from server.fake_hub import ALL, server_model
from server.platform.answers import problem

if TYPE_CHECKING:
    from server.platform.serving import Platform


async def test_the_default_server_is_listed_before_the_named_ones(served: Platform) -> None:
    served.hub.give("a", *ALL)
    served.hub.servers["alice"] = {
        "zebra": server_model("alice", "zebra", pending="stop"),
        "": server_model("alice", ready=True),
        "lab": server_model("alice", "lab", pending="spawn"),
        "old": server_model("alice", "old"),
    }
    answer = await served.get("a", "/servers")
    assert answer.status_code == 200
    found = [(each["name"], each["state"], each["url"]) for each in answer.json()]
    assert found == [
        ("", "running", "/user/alice/"),
        ("lab", "starting", "/user/alice/lab/"),
        ("old", "stopped", "/user/alice/old/"),
        ("zebra", "stopping", "/user/alice/zebra/"),
    ]
    assert answer.json()[0]["started"] == "2026-11-30T10:00:00Z"
    assert answer.json()[2]["started"] is None


@pytest.mark.parametrize(
    "checked",
    [{"pending": "check"}, {"pending": "rename"}, {"pending": None, "stopped": False}],
)
async def test_a_server_that_the_hub_still_checks_is_not_stopped(
    served: Platform, checked: dict[str, object]
) -> None:
    served.hub.give("a", *ALL)
    served.hub.servers["alice"] = {
        "": server_model("alice", ready=True) | {"ready": False} | checked
    }
    (only,) = (await served.get("a", "/servers")).json()
    assert only["state"] == "checking"
    page = await served.visit("/", "a")
    assert "Checking" in page.text
    assert "/servers/start" not in page.text


async def test_a_default_server_that_never_ran_is_stopped(served: Platform) -> None:
    served.hub.give("a", "read:servers")
    (only,) = (await served.get("a", "/servers")).json()
    assert (only["name"], only["state"]) == ("", "stopped")


async def test_a_token_without_the_scope_is_told_which(served: Platform) -> None:
    answer = await served.get("a", "/servers")
    assert answer.status_code == 403
    assert "read:servers!user" in problem(answer)["detail"]


async def test_nobody_sees_servers_of_others(served: Platform) -> None:
    for token in "ab":
        served.hub.give(token, *ALL)
    served.hub.servers["alice"] = {"hers": server_model("alice", "hers")}
    assert [each["name"] for each in (await served.get("b", "/servers")).json()] == [""]


async def test_the_requests_to_the_hub_are_limited(served: Platform) -> None:
    served.hub.give("a", *ALL)
    with served.service.server_calls.take("alice"), served.service.server_calls.take("alice"):
        answer = await served.get("a", "/servers")
    assert answer.status_code == 429
    assert "requests to JupyterHub" in problem(answer)["detail"]


@pytest.mark.parametrize(
    "model",
    [
        {"name": 7, "started": "soon", "ready": "yes", "display_name": [1]},
        {"name": "x", "url": None, "pending": {}, "started": 5},
    ],
)
async def test_models_that_are_not_as_expected_are_no_fault(
    served: Platform, model: dict[str, object]
) -> None:
    served.hub.give("a", *ALL)
    served.hub.servers["alice"] = {"x": model, "y": "no model"}  # type: ignore[dict-item]  # wrong
    answer = await served.get("a", "/servers")
    assert answer.status_code == 200
    assert [each["state"] for each in answer.json()] == ["stopped", "stopped"]
