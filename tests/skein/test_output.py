from __future__ import annotations

import datetime as dt
import json

from skein.cli.json_output import to_json
from skein.model import ApplicationReport, Container
from yarnhub.control import messages
from yarnhub.yarn.records import applications
from yarnhub.yarn.records.ids import ApplicationId


def test_a_report_for_programs() -> None:
    report = applications.ApplicationReport(
        application_id=ApplicationId(id=21, cluster_timestamp=15),
        queue="root.default",
        application_tags=("b", "a"),
        start_time=1_000_500,
    )
    (found,) = json.loads(to_json([ApplicationReport.of(report)]))
    assert found["id"] == "application_15_0021"
    assert (found["queue"], found["tags"], found["state"]) == ("default", ["a", "b"], "NEW")
    assert dt.datetime.fromisoformat(found["start_time"]).timestamp() == 1000.5
    assert found["finish_time"] is None
    assert found["usage"]["used_resources"] == {"memory": 0, "vcores": 0, "gpus": 0, "fpgas": 0}


def test_a_container_has_its_id_too() -> None:
    message = messages.ServiceContainer(
        service_name="worker", instance=3, state=messages.ContainerState.WAITING
    )
    (found,) = json.loads(to_json([Container.of(message)]))
    assert (found["id"], found["state"]) == ("worker_3", "WAITING")


def test_texts() -> None:
    assert json.loads(to_json(["a", "b\n"])) == ["a", "b\n"]
    assert to_json([]) == "[]"
