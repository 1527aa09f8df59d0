"""Amounts of memory, vcores and further resource types."""

from __future__ import annotations

import pytest
from hypothesis import given

from spec.strategies import Document, resources
from yarnhub.base.errors import SpecError
from yarnhub.base.units import MiB, VCores
from yarnhub.spec import Resources


def read(**changes: object) -> Resources:
    return Resources.from_dict({"memory": 1, "vcores": 1, **changes})


@given(resources)
def test_what_is_written_is_read_back(amounts: Resources) -> None:
    document = amounts.to_dict()
    assert "custom" not in document
    assert Resources.from_dict(document) == amounts


@pytest.mark.parametrize(("written", "mib"), [("1 GiB", 1024), ("1 G", 954), (512.5, 513)])
def test_memory_is_kept_in_mib(written: str | float, mib: int) -> None:
    assert read(memory=written).memory == mib
    assert Resources(memory=written, vcores=VCores(1)).memory == mib  # type: ignore[arg-type]  # converted


@pytest.mark.parametrize(
    ("changes", "path", "reason"),
    [
        ({"memory": None}, "memory", "is required"),
        ({"vcores": None}, "vcores", "is required"),
        ({"memory": "1 X"}, "memory", "'1 X' is not a quantity of memory: write a number of MiB"),
        ({"memory": -1}, "memory", "memory cannot be negative, not -1"),
        ({"memory": 0}, "memory", "must be at least 1 MiB"),
        ({"memory": True}, "memory", "must be a quantity of memory, not True"),
        ({"memory": [1]}, "memory", "must be a quantity of memory, not list"),
        ({"vcores": 0}, "vcores", "must be at least 1, not 0"),
        ({"vcores": "1"}, "vcores", "must be a whole number, not '1'"),
        ({"gpus": -1}, "gpus", "must be at least 0, not -1"),
        ({"fpgas": 2**63}, "fpgas", "must be at most 9223372036854775807"),
        ({"memroy": 1}, "", "unknown key 'memroy'; did you mean 'memory'?"),
        ({"license": 1}, "", "unknown key 'license'; known are: "),
        ({"custom": {"a.b": 1}}, "", "unknown key 'custom'; known are: "),
        ({"resource_types": {"license": "1"}}, "resource_types.license", "must be a whole"),
        ({"resource_types": 1}, "resource_types", "must be a mapping"),
        ({"resource_types": {"a.b": 1}, "a.b": 1}, "resource_types.a.b", "is given twice"),
        ({"resource_types": {"memory-mb": 1}}, "custom.memory-mb", "has a key of its own"),
        ({"a/b": -1}, "a/b", "must be at least 0, not -1"),
        ({"a.b": "1"}, "a.b", "must be a whole number, not '1'"),
        ({"a.b": None}, "a.b", "must be a whole number, not null"),
        ({"a/b/c": 1}, "custom.a/b/c", "must be the name of a resource type, not 'a/b/c'"),
        ({"a b/c": 1}, "custom.a b/c", "must be the name of a resource type, not 'a b/c'"),
        ({"gpus": 1, "yarn.io/gpu": 2}, "gpus", "contradicts 'yarn.io/gpu': 1 is not 2"),
        ({"fpgas": 1, "yarn.io/fpga": 0}, "fpgas", "contradicts 'yarn.io/fpga': 1 is not 0"),
    ],
)
def test_a_wrong_amount_is_refused(changes: Document, path: str, reason: str) -> None:
    with pytest.raises(SpecError) as caught:
        read(**changes)
    assert caught.value.path == path
    assert caught.value.reason.startswith(reason)


@pytest.mark.parametrize(
    ("changes", "types"),
    [
        ({}, {}),
        ({"gpus": 2}, {"yarn.io/gpu": 2}),
        ({"fpgas": 1}, {"yarn.io/fpga": 1}),
        ({"yarn.io/gpu": 2}, {"yarn.io/gpu": 2}),
        ({"gpus": 2, "yarn.io/gpu": 2}, {"yarn.io/gpu": 2}),
        ({"gpus": 1, "example.com/license": 3}, {"yarn.io/gpu": 1, "example.com/license": 3}),
        ({"example.com/license": 0}, {}),
        ({"gpu.large": 1}, {"gpu.large": 1}),
    ],
)
def test_resource_types_are_what_is_wanted(changes: Document, types: dict[str, int]) -> None:
    assert read(**changes).resource_types == types


def test_a_type_without_a_namespace() -> None:
    amounts = Resources(memory=MiB(1), vcores=VCores(1), custom={"license": 1, "a.b": 2})
    document = amounts.to_dict()
    assert (document["resource_types"], document["a.b"]) == ({"license": 1}, 2)
    assert Resources.from_dict(document) == amounts
    assert read(resource_types={"license": 3}).resource_types == {"license": 3}
