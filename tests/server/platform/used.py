"""Usage in the database of a platform."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watch.books import batch_of
from watch.rows import STARTED, row
from yarnhub.environments.published.usage import tag
from yarnhub.watch.ledger import Ledger
from yarnhub.watch.usage import HOUR
from yarnhub.yarn.records.applications import ApplicationResourceUsageReport

if TYPE_CHECKING:
    from server.platform.serving import Platform
    from yarnhub.watch.table import Row

HOUR_OF_START = STARTED - STARTED % HOUR
SEEN = HOUR_OF_START + 50 * 60_000
KEY = "ab" * 32
GPU = ApplicationResourceUsageReport(
    memory_seconds=100, vcore_seconds=3, application_resource_usage_map={"yarn.io/gpu": 7}
)


async def use(served: Platform) -> None:
    """Store two applications of alice and one of bob, in a database that is empty.

    Carol is a user, too. It is two hours later then.
    """
    served.hub.users |= {"c": "carol"}
    await served.service.recorder.open()
    rows = [
        row(1, SEEN, 10),
        row(2, SEEN, app_resource_usage=GPU, application_type="=cmd()"),
        row(3, SEEN, 1000, user="bob", application_tags=(tag(KEY),), ended=SEEN),
    ]
    await observe(served, SEEN, *rows)
    served.yarn.now = HOUR_OF_START + 2 * HOUR
    later = row(1, HOUR_OF_START + HOUR + 1, 10)
    await observe(served, served.yarn.now, later, *rows[1:])


async def observe(served: Platform, now: int, *rows: Row) -> None:
    """Store what was used when applications are observed."""
    ledger = Ledger(await served.service.usage.load())
    assert await served.service.usage.store(batch_of(ledger, f"at {now}", now, *rows))
