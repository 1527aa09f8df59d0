"""What the garbage collector leaves out while a service watches a cluster."""

from __future__ import annotations

import asyncio
import gc

from watch.fake_resource_manager import FakeResourceManager
from yarnhub.server.platform.app import running
from yarnhub.server.platform.collector import spare
from yarnhub.watch.application_watch import ApplicationWatch


async def test_listed_applications_are_left_out_until_the_service_ends() -> None:
    yarn = FakeResourceManager()
    number = yarn.submit()
    watch = ApplicationWatch(yarn, lambda: yarn.now / 1000)
    async with running(lambda: spare(watch)):
        await asyncio.sleep(0)
        assert not gc.get_freeze_count()
        async with running(watch.run), asyncio.timeout(30):
            while not gc.get_freeze_count():
                await asyncio.sleep(0.01)
            row = watch.table.get(number)
            assert row is not None
            # What is frozen is in no generation.
            assert not any(each is row.report for each in gc.get_objects())
    assert not gc.get_freeze_count()
