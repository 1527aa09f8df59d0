"""Each kind of cluster, walked through; those of `versions` by `./test versions` only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from versions.page import FAILED, LIMIT, OK
from versions.walk import CAPABILITIES

if TYPE_CHECKING:
    from versions.kinds import Kind
    from versions.page import Results
from versions.walk import Walk

pytestmark = [pytest.mark.cluster, pytest.mark.asyncio(loop_scope="module")]


@pytest.mark.parametrize("capability", CAPABILITIES)
async def test_capability(kind: Kind, walk: Walk, capability: str, results: Results) -> None:
    found = results.setdefault(kind.name, {})
    found[capability] = FAILED
    limit = kind.limits.get(capability)
    if limit is None:
        await CAPABILITIES[capability](walk)
        found[capability] = OK
    else:
        with pytest.raises(Exception, match=limit.says):
            await CAPABILITIES[capability](walk)
        found[capability] = LIMIT
