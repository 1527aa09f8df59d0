"""The order of the checks, and their time-outs."""

from __future__ import annotations

import asyncio

import pytest

from yarnhub.base.errors import ConnectError
from yarnhub.integrations.doctor.checks import CHECKS, Check, run_checks
from yarnhub.integrations.doctor.deployment import Deployment, DoctorOptions
from yarnhub.integrations.doctor.finding import Finding, not_checked, ok, warning


async def is_well(deployment: Deployment) -> Finding:
    return ok("well")


async def is_poor(deployment: Deployment) -> Finding:
    return warning("poor", "try")


async def is_skipped(deployment: Deployment) -> Finding:
    return not_checked("not asked")


async def fails(deployment: Deployment) -> Finding:
    raise ConnectError("cannot connect to h:1")


async def hangs(deployment: Deployment) -> Finding:
    await asyncio.Event().wait()
    raise AssertionError


async def told(*checks: Check) -> list[str]:
    return [
        found.line async for found in run_checks(Deployment(DoctorOptions(environment={})), checks)
    ]


async def test_checks_that_need_a_failed_one_are_skipped() -> None:
    checks = (
        Check("a", fails),
        Check("b", is_poor),
        Check("c", is_well, ("a", "b")),
        Check("d", is_well, ("c",)),
        Check("e", is_well, ("b",)),
        Check("f", is_skipped),
        Check("g", is_well, ("f", "a")),
    )
    assert await told(*checks) == [
        "error        a: cannot connect to h:1",
        "warning      b: poor -> try",
        "not checked  c: it depends on a",
        "not checked  d: it depends on c",
        "ok           e: well",
        "not checked  f: not asked",
        "not checked  g: it depends on f and a",
    ]


async def test_each_check_has_a_time_out() -> None:
    lines = await told(Check("a", hangs, deadline=0.01), Check("b", is_well))
    assert lines == ["error        a: no response within 0.01 s", "ok           b: well"]


async def test_the_checks_can_be_cancelled() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await told(Check("a", hangs))


def test_checks_need_earlier_ones_only() -> None:
    names: set[str] = set()
    for check in CHECKS:
        assert set(check.needs) <= names
        assert check.name not in names
        names.add(check.name)
