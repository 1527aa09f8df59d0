from __future__ import annotations

from yarnhub.client.obstacles import not_activated
from yarnhub.yarn.records.cluster import QueueInfo, QueueStatistics


def queue(**statistics: int) -> QueueInfo:
    return QueueInfo(
        queue_name="apples",
        queue_path="root.fruit.apples",
        queue_statistics=QueueStatistics(**statistics),
    )


def test_an_application_above_the_limit_is_told_which_setting_to_change() -> None:
    reason = not_activated(
        queue(num_apps_running=1, num_apps_pending=2, available_memory_mb=96, available_vcores=1)
    )
    assert "in queue root.fruit.apples 1 applications are active and 2 wait to be" in reason
    assert "though 96 MiB and 1 vcores of it are free" in reason
    assert "yarn.scheduler.capacity.root.fruit.apples.maximum-am-resource-percent" in reason


def test_a_full_queue_is_not_called_free() -> None:
    reason = not_activated(queue(num_apps_running=1, num_apps_pending=2, available_memory_mb=96))
    assert "it has nothing free of its own capacity" in reason


def test_nothing_is_claimed_of_a_queue_in_which_nobody_waits_to_be_activated() -> None:
    assert not_activated(queue(num_apps_running=1)) == ""
    assert not_activated(QueueInfo(queue_name="apples")) == ""
