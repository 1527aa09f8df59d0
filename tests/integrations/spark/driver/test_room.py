"""How many executors a session may have."""

from __future__ import annotations

import pytest

from integrations.spark.driver.sample_settings import PLACE, settings
from yarnhub.integrations.spark.driver.properties import session_properties
from yarnhub.integrations.spark.driver.room import Room, fit
from yarnhub.integrations.spark.driver.settings import SettingsError

GIB = 1024
MOST = "spark.dynamicAllocation.maxExecutors"
LEAST = "spark.dynamicAllocation.minExecutors"
FIRST = "spark.dynamicAllocation.initialExecutors"
INSTANCES = "spark.executor.instances"
MEMORY = "spark.executor.memory"


def fitted(own: dict[str, str], **room: int) -> tuple[dict[str, str], str]:
    """The properties of a session with this builder, and what its user reads."""
    properties = session_properties(settings(), own, PLACE)
    step, memory, vcores = room.get("step", 1), room.get("memory"), room.get("vcores")
    return properties, fit(properties, own, Room(memory=memory, vcores=vcores, step=step))


def test_without_limits_nothing_changes() -> None:
    assert fitted({MOST: "500"}) == (session_properties(settings(), {MOST: "500"}, PLACE), "")


@pytest.mark.parametrize(
    ("own", "room", "most"),
    [
        ({}, {"memory": 100 * GIB}, "20"),  # the kernel's own
        ({}, {"memory": 4 * 1408}, "4"),  # 1 GiB and 384 MiB each
        ({}, {"memory": 4 * 1408 - 1}, "3"),
        ({}, {"memory": 4 * 1408, "step": 512}, "3"),  # 1536 MiB each
        ({MEMORY: "1152m"}, {"memory": 4 * 1536, "step": 512}, "4"),
        ({}, {"vcores": 7}, "7"),
        ({}, {"memory": 100 * GIB, "vcores": 7}, "7"),
        ({"spark.executor.cores": "4"}, {"vcores": 11}, "2"),
        ({MEMORY: "8g"}, {"memory": 2 * (8192 + 819)}, "2"),
        ({MEMORY: "8g", "spark.executor.memoryOverheadFactor": "0.5"}, {"memory": 12 * GIB}, "1"),
        ({"spark.executor.memoryOverhead": "1g"}, {"memory": 10 * GIB}, "5"),
        ({"spark.executor.minMemoryOverhead": "1g"}, {"memory": 10 * GIB}, "5"),
        ({"spark.executor.pyspark.memory": "640m"}, {"memory": 10 * GIB}, "5"),
        (
            {"spark.memory.offHeap.enabled": "true", "spark.memory.offHeap.size": "671088640"},
            {"memory": 10 * GIB},
            "5",
        ),
        ({"spark.memory.offHeap.size": "1g"}, {"memory": 4 * 1408}, "4"),
    ],
)
def test_as_many_as_fit(own: dict[str, str], room: dict[str, int], most: str) -> None:
    properties, told = fitted(own, **room)
    assert properties[MOST] == most
    assert not told


def test_no_number_of_executors_is_larger() -> None:
    own = {LEAST: "8", FIRST: "9", INSTANCES: "10", MOST: "50"}
    properties, told = fitted(own, vcores=4)
    assert [properties[name] for name in own] == ["4"] * 4
    assert told == f"{MOST} is 4 instead of 50: your limits leave no room for more executors."
    assert fitted({MOST: "3"}, vcores=4)[0][MOST] == "3"


@pytest.mark.parametrize(("own", "number"), [({}, "2"), ({INSTANCES: "50"}, "4")])
def test_a_fixed_number_of_executors_is_limited_too(own: dict[str, str], number: str) -> None:
    properties, told = fitted({**own, "spark.dynamicAllocation.enabled": "false"}, vcores=4)
    assert properties[INSTANCES] == number
    assert told.startswith(f"{INSTANCES} is 4 instead of 50") == bool(own)


@pytest.mark.parametrize(
    ("own", "room", "problem"),
    [
        (
            {},
            Room(memory=1407),
            "leave 1407 MiB of memory for Spark's executors, and one needs 1408 MiB and 1 vcore.",
        ),
        (
            {"spark.executor.cores": "2"},
            Room(memory=9 * GIB, vcores=1),
            "leave 9216 MiB of memory and 1 vcore for Spark's executors, and .* and 2 vcores",
        ),
        ({}, Room(error="the hub sleeps"), "limits for executors are not known: the hub sleeps"),
        ({MEMORY: "much"}, Room(memory=GIB), "spark.executor.memory is 'much': use a number with"),
        ({MOST: "many"}, Room(vcores=1), f"{MOST} is 'many', which is not a number"),
        (
            {"spark.executor.memoryOverheadFactor": "x"},
            Room(memory=GIB),
            "memoryOverheadFactor is 'x', which is not a number",
        ),
    ],
)
def test_what_cannot_start_is_refused_in_words(
    own: dict[str, str], room: Room, problem: str
) -> None:
    with pytest.raises(SettingsError, match=problem):
        fit(session_properties(settings(), own, PLACE), own, room)


def test_a_session_in_the_driver_has_no_executors() -> None:
    local = session_properties(settings(settings={"spark.master": "local[2]"}), {}, PLACE)
    assert fit(dict(local), {}, Room(memory=0, error="the hub sleeps")) == ""


@pytest.mark.parametrize(
    ("answer", "room"),
    [
        (None, Room()),
        ("much", Room()),
        ({}, Room()),
        ({"memory": 3 * 2**20 + 1, "vcores": 0}, Room(memory=3, vcores=0)),
        (
            {"memory": 2**30, "step": 32 * 2**20, "viewer": "hub"},
            Room(memory=1024, step=32, viewer="hub"),
        ),
        ({"memory": None, "vcores": None, "error": "it sleeps"}, Room(error="it sleeps")),
    ],
)
def test_the_service_says_what_is_left(answer: object, room: Room) -> None:
    assert Room.read(answer) == room
