from __future__ import annotations

import json

import pytest

from yarnhub.base.errors import (
    CallOutcome,
    DeadlineExceededError,
    RemoteProtocolError,
    SpecError,
    YarnhubError,
)
from yarnhub.client.errors import ApplicationFailedError
from yarnhub.client.explain import reasons
from yarnhub.control.outcomes import Cause, Outcome
from yarnhub.kernels import service_protocol as protocol
from yarnhub.kernels.kernel import KernelState, KernelStatus
from yarnhub.kernels.protocol import Activity
from yarnhub.kernels.request import KernelRequest
from yarnhub.yarn.records.cluster import NodeState, QueueState

REQUEST = KernelRequest(
    id="00000000-0000-0000-0000-000000000001",
    owner="alice",
    user="alice1",
    name="python",
    argv=("python", "{connection_file}"),
    env={
        "KERNEL_MEMORY": "2 GiB",
        "SECRET": "of the kernelspec",
        "KERNEL_USERNAME": "alice",
        "KERNEL_ID": "00000000-0000-0000-0000-000000000001",
    },
    cwd="/home/alice",
    prologue="export SECRET=1",
    memory=2**31,
    resource_types={"yarn.io/gpu": 1},
    notebook="a.ipynb",
    note="of the client",
)
ASKED = reasons.PendingRequest("kernel", 1, {"memory-mb": 1024}, "gpu", ("n1",))
DOWN = (reasons.UnavailableNode("n2:8041", NodeState.LOST, "gone"),)
REASONS = [
    None,
    reasons.NoNode(ASKED, DOWN),
    reasons.NoMatchingNode(ASKED, DOWN, ("gpu",)),
    reasons.LargerThanAnyNode(ASKED, (), {"vcores": 3}, {"vcores": 2}),
    reasons.QueueNotRunning("a", QueueState.STOPPED),
    reasons.QueueFull(
        ASKED,
        "a",
        {"vcores": 3},
        {"vcores": 3},
        (reasons.ApplicationUsage("application_1", "b", 1),),
    ),
    reasons.ParallelLimit("a", "alice", 1, ("a", 3), fair=True),
    reasons.ParallelLimit("a", "alice", 1, None, fair=False),
    reasons.PossibleMasterLimit(),
    reasons.Diagnostics("something"),
    reasons.ContainersFailed("kernel", 1, "kernel_0", Outcome(cause=Cause.MEMORY)),
]


def model(**changes: object) -> protocol.KernelModel:
    status = KernelStatus(state=KernelState.WAITING, **changes)  # type: ignore[arg-type]
    return protocol.KernelModel(
        request=REQUEST, application_id="application_1_0001", key="k", status=status
    )


@pytest.mark.parametrize("reason", REASONS, ids=lambda each: type(each).__name__)
def test_a_kernel_arrives_with_why_it_waits(reason: reasons.Reason | None) -> None:
    sent = model(waits_for=reason)
    assert protocol.load_kernel(protocol.dump_kernel(sent)).status == sent.status


def test_a_kernel_arrives_without_secrets_of_the_kernelspec() -> None:
    sent = model(
        outcome=Outcome(cause=Cause.MEMORY, exit_code=-104), activity=Activity.BUSY, active=1.5
    )
    body = protocol.dump_kernels([sent, sent])
    assert b"SECRET" not in body
    found = protocol.load_kernels(body)
    assert found[0] == found[1]
    assert found[0].status == sent.status
    assert found[0].request.memory == 2**31
    assert found[0].request.env == {}
    assert (found[0].key, found[0].application_id) == ("k", "application_1_0001")
    assert "'k'" not in repr(found)


def test_members_of_newer_versions_are_ignored() -> None:
    plain = json.loads(protocol.dump_kernel(model(outcome=Outcome(cause=Cause.MEMORY))))
    for part in (plain, plain["request"], plain["status"], plain["status"]["outcome"]):
        part["new"] = {"of": "another version"}
    plain["status"]["waits_for"] = {"NewReason": {}}
    plain["status"]["outcome"]["cause"] = "new"
    found = protocol.load_kernel(json.dumps(plain).encode())
    assert found.status.waits_for is None
    assert found.status.outcome == Outcome(cause=Cause.UNKNOWN)


def test_a_start_has_what_the_user_may_choose_only() -> None:
    body = protocol.dump_start(REQUEST)
    assert json.loads(body) == {
        "name": "python",
        "env": {"KERNEL_MEMORY": "2 GiB"},
        "cwd": "/home/alice",
        "notebook": "a.ipynb",
        "note": "of the client",
    }
    found = protocol.load_start(json.dumps(json.loads(body) | {"argv": ["evil"]}).encode())
    assert found == protocol.Start(
        name="python",
        env={"KERNEL_MEMORY": "2 GiB"},
        cwd="/home/alice",
        notebook="a.ipynb",
        note="of the client",
    )


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"nothing", b'{"name": 1}', b'{"name": "a", "env": {"A": 1}}', b"[" * 100_000,
     b'{"name": "\\ud800"}'],
)  # fmt: skip
def test_a_start_that_is_invalid_is_refused(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        protocol.load_start(body)


@pytest.mark.parametrize("body", [b"{}", b'{"kernels": {}}', b'{"kernels": [1]}', b"null"])
def test_kernels_that_are_invalid_are_refused(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        protocol.load_kernels(body)


@pytest.mark.parametrize(
    "error",
    [
        SpecError("KERNEL_MEMORY", "must be at most 1 GiB"),
        ApplicationFailedError("application_1", "FAILED", Outcome(cause=Cause.REFUSED, raw="no")),
        DeadlineExceededError("late", CallOutcome.NOT_SENT),
        protocol.KernelNotFoundError("none"),
        protocol.KernelServiceError("no"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_arrives_as_it_was_raised(error: YarnhubError) -> None:
    found = protocol.load_error(json.loads(json.dumps(protocol.dump_error(error))), "unused")
    assert type(found) is type(error)
    assert vars(found) == vars(error)
    assert str(found) == str(error)


@pytest.mark.parametrize(
    "plain", [None, 3, {}, {"kind": "spec"}, {"kind": "failed", "outcome": 1}, {"kind": "deadline"}]
)
def test_an_unknown_error_has_the_message_of_the_answer(plain: object) -> None:
    found = protocol.load_error(plain, "status 500")
    assert str(found) == "status 500"
