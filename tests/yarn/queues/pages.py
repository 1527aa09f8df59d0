"""Pages of schedulers, as ResourceManagers answered them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from yarnhub.yarn.queues.scheduler_page import LeafFigures, read_scheduler_page

RECORDED = Path(__file__).with_name("recorded")


def recorded(name: str) -> Any:
    return json.loads((RECORDED / f"scheduler-{name}.json").read_text("utf-8"))


def leaf(name: str) -> LeafFigures:
    (found,) = read_scheduler_page(recorded(name)).values()
    return found
