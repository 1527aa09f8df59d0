"""The description of the API, as those read it who generate clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from server.platform.answers import problem
from server.platform.serving import platform
from yarnhub.server.platform.description import PROBLEM
from yarnhub.watch.visibility import NO_ONE

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
async def described(tmp_path: Path) -> Any:
    async with platform(tmp_path, NO_ONE) as served:
        return (await served.get("", "/openapi.json")).json()


def operations(described: Any) -> list[Any]:
    return [each for methods in described["paths"].values() for each in methods.values()]


async def test_it_is_public_and_complete(described: Any) -> None:
    assert described["openapi"].startswith("3.1")
    for path, methods in described["paths"].items():
        for operation in methods.values():
            assert operation["summary"], path
            assert path.endswith("/health") or operation["security"], path
    used = described["components"]["schemas"]["Used"]["properties"]
    assert "MiB" in used["memory"]["description"]


async def test_clients_have_readable_methods_in_groups(described: Any) -> None:
    names = [each["operationId"] for each in operations(described)]
    assert len(set(names)) == len(names)
    assert {
        "list_applications",
        "kill_application",
        "move_application",
        "list_servers",
        "read_log",
        "download_usage",
    } <= set(names)
    groups = {each["name"] for each in described["tags"] if each["description"]}
    assert {tag for each in operations(described) for tag in each["tags"]} == groups


async def test_each_error_is_described_as_a_problem(described: Any) -> None:
    for operation in operations(described):
        answers = operation["responses"]
        assert "500" in answers
        assert all(status.isdecimal() for status in answers)
        errors = {status: each for status, each in answers.items() if status >= "4"}
        if operation["operationId"] == "check_health":
            assert "Health" in str(errors.pop("503"))
        for each in errors.values():
            (schema,) = (content["schema"] for content in [each["content"][PROBLEM]])
            assert schema == {"$ref": "#/components/schemas/Problem"}
    schemas = described["components"]["schemas"]
    assert set(schemas["InvalidParameter"]["properties"]) == {"detail", "in", "name"}
    assert "HTTPValidationError" not in schemas


async def test_parameters_that_can_be_left_out_are_not_null(described: Any) -> None:
    parameters = [each for found in operations(described) for each in found.get("parameters", ())]
    assert len(parameters) > 20
    assert "null" not in str([each["schema"] for each in parameters])


async def test_a_time_with_something_behind_it_is_refused(tmp_path: Path) -> None:
    time = "2026-11-30T10:00:00." + "0" * 20 + "and more"
    async with platform(tmp_path, NO_ONE) as served:
        answer = await served.get("a", "/usage", to=time)
    assert problem(answer)["errors"][0]["name"] == "to"
