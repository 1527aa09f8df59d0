"""Submitting while one ResourceManager takes over from the other: scripted to the worst moment."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hadoop.server import CLOSE, Call, Server, answer, failure, serving
from yarnhub.base.retry import RetryPolicy
from yarnhub.base.units import MiB, VCores
from yarnhub.client.access.credentials import Credentials
from yarnhub.client.access.settings import Settings
from yarnhub.client.client import Client
from yarnhub.hadoop.codec import decode, encode
from yarnhub.spec import ApplicationSpec, Resources, Service
from yarnhub.yarn.records import resource_manager as rm
from yarnhub.yarn.records.applications import ApplicationReport, YarnApplicationState
from yarnhub.yarn.records.ids import ApplicationId
from yarnhub.yarn.records.resources import Resource

if TYPE_CHECKING:
    from pathlib import Path

NOT_FOUND = "org.apache.hadoop.yarn.exceptions.ApplicationNotFoundException"
ID = ApplicationId(id=7, cluster_timestamp=1)
NEW = rm.GetNewApplicationResponse(
    application_id=ID, maximum_capability=Resource(memory=4096, virtual_cores=4)
)


class Manager:
    """One of the pair; at a call of the method `dies_at` it is gone, and does not answer."""

    def __init__(self, dies_at: str = "") -> None:
        self.calls: list[str] = []
        self.submitted: set[ApplicationId] = set()
        self._dies_at = dies_at
        self.server: Server | None = None

    def __call__(self, call: Call) -> bytes | object:
        self.calls.append(call.method)
        response: Any
        match call.method:
            case "getNewApplication":
                response = NEW
            case "getClusterNodes":
                response = rm.GetClusterNodesResponse()
            case "submitApplication":
                request = decode(rm.SubmitApplicationRequest, call.body)
                self.submitted.add(request.application_submission_context.application_id)
                response = rm.SubmitApplicationResponse()
            case "getApplicationReport":
                if ID not in self.submitted:
                    return failure(call.call_id, NOT_FOUND, f"{ID} doesn't exist in RM.")
                report = ApplicationReport(
                    application_id=ID, yarn_application_state=YarnApplicationState.ACCEPTED
                )
                response = rm.GetApplicationReportResponse(application_report=report)
            case other:
                raise AssertionError(other)
        if call.method == self._dies_at:
            assert self.server is not None
            assert self.server.listener is not None
            self.server.listener.close()
            return CLOSE
        return answer(call.call_id, encode(response))


def settings(folder: Path, *servers: Server) -> Settings:
    conf = folder / "conf"
    conf.mkdir()
    properties = {
        "yarn.resourcemanager.ha.enabled": "true",
        "yarn.resourcemanager.ha.rm-ids": "rm1,rm2",
    } | {
        f"yarn.resourcemanager.address.rm{number}": str(server.address)
        for number, server in enumerate(servers, start=1)
    }
    lines = "".join(
        f"<property><name>{name}</name><value>{value}</value></property>"
        for name, value in properties.items()
    ) + "".join(
        f"<property><name>yarn.resourcemanager.hostname.rm{n}</name><value>127.0.0.1</value>"
        "</property>"
        for n in (1, 2)
    )
    (conf / "yarn-site.xml").write_text(f"<configuration>{lines}</configuration>")
    found = Settings.from_environment({"HADOOP_CONF_DIR": str(conf), "HOME": str(folder)})
    quick = RetryPolicy(first_delay=0.001, max_delay=0.002)
    return replace(found, options=replace(found.options, retry=quick))


async def submit_to_a_pair(folder: Path, first: Manager, second: Manager) -> ApplicationId:
    service = Service(resources=Resources(memory=MiB(64), vcores=VCores(1)), script="true")
    async with serving(first) as one, serving(second) as two:
        first.server = one
        async with Client(settings(folder, one, two), Credentials.generate()) as client:
            return await client.submit(ApplicationSpec(services={"s": service}))


async def test_what_the_first_one_had_not_saved_is_submitted_to_the_second(tmp_path: Path) -> None:
    # It dies between its answer to the submission and the write to the store.
    first, second = Manager(dies_at="getApplicationReport"), Manager()
    assert await submit_to_a_pair(tmp_path, first, second) == ID
    assert first.calls.count("submitApplication") == 1
    assert second.calls[:3] == ["getApplicationReport", "submitApplication", "getApplicationReport"]


async def test_a_submission_whose_answer_is_lost_is_submitted_under_the_same_id(
    tmp_path: Path,
) -> None:
    first, second = Manager(dies_at="submitApplication"), Manager()
    assert await submit_to_a_pair(tmp_path, first, second) == ID
    assert second.calls == ["submitApplication", "getApplicationReport"]
    assert first.submitted == second.submitted == {ID}
