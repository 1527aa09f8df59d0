"""The parts of an application, each by itself."""

from __future__ import annotations

import pytest

from appmaster.core.scenario import application, container, service
from yarnhub.appmaster.core.actions import Action, Reply
from yarnhub.appmaster.core.end import ApplicationEnd
from yarnhub.appmaster.core.instances import Instance
from yarnhub.appmaster.core.placement import OutstandingRequests, Topology
from yarnhub.appmaster.core.records import Change, KeyRecord, Ledger
from yarnhub.appmaster.core.requests import ENDING, RefusedError, Requests
from yarnhub.appmaster.core.services import ServiceInstances, Services
from yarnhub.control.messages import (
    ContainerState,
    FinalStatus,
    GetUi,
    Nothing,
    Request,
    Shutdown,
    WatchTokens,
)


def instance(number: int, state: ContainerState = ContainerState.REQUESTED) -> Instance:
    return Instance("a", number, state)


# --- what is recorded


def test_nothing_is_noted_before_the_journal_begins() -> None:
    ledger = Ledger()
    ledger.note(instance(0))
    ledger.begin()
    assert ledger.take() is None


def test_the_latest_record_of_each_thing_is_taken_once() -> None:
    ledger = Ledger()
    ledger.begin()
    key = KeyRecord(key="k", entry=None)
    counts = ServiceInstances("a", service(), 1, 10, Ledger()).record()
    ended = instance(0, ContainerState.KILLED)
    for record in (key, instance(0), counts, instance(1), counts, ended):
        ledger.note(record)
    assert ledger.take() == Change((instance(1), ended, counts, key))
    ledger.note(counts)
    assert ledger.take() is None


# --- instances


def services(ledger: Ledger | None = None) -> Services:
    made = application(a=service(instances=2), b=service())
    return Services(made.services, 1, ledger or Ledger())


def test_an_instance_is_found_by_its_container_while_it_runs() -> None:
    found = services()
    found.start()
    given = container(7, 1)
    running = Instance("a", 0, ContainerState.RUNNING, container=given, start_time=1.0)
    found.store(running)
    assert found.running_in(given.id) is running
    assert found.running == [running]
    found.store(Instance("a", 0, ContainerState.FAILED, container=given, start_time=1.0))
    assert found.running_in(given.id) is None
    assert found["a"].counts[ContainerState.FAILED] == 1


@pytest.mark.parametrize("name", ["", "a", "a_", "a_2", "a_00", "c_0", "_0"])
def test_what_no_instance_was_ever_called_is_refused(name: str) -> None:
    found = services()
    found.start()
    with pytest.raises(RefusedError):
        found.instance(name)


# --- the scheduler


def test_a_change_is_asked_for_once_and_again_when_the_scheduler_has_forgotten() -> None:
    found = services()
    found.start()
    outstanding = OutstandingRequests(application(a=service()), Topology(racks={}))

    def asked() -> list[int | None]:
        actions = outstanding.update(found)
        return [each.requests[-1].num_containers for each in actions]

    assert asked() == [2, 1]
    assert asked() == []
    outstanding.given("a")
    found.store(instance(0, ContainerState.KILLED))
    assert asked() == []
    outstanding.repeat(())
    assert asked() == [1, 1]


# --- requests


def test_a_request_that_waits_is_answered_at_the_end_unless_it_was_withdrawn() -> None:
    actions: list[Action] = []
    requests = Requests({WatchTokens: lambda _: None}, 2, actions)
    for number in (1, 2, 3):
        requests.ask(number, WatchTokens())
    assert requests.waiting == 2
    requests.withdraw(1)
    requests.end()
    refused, ending = actions
    assert isinstance(refused, Reply)
    assert refused.answer.code == "full"
    assert ending == Reply(2, ENDING)
    assert requests.waiting == 0


def test_a_refusal_is_an_answer() -> None:
    def refuse(_: Request[Nothing]) -> Nothing:
        raise RefusedError(ENDING.code, ENDING.message)

    assert Requests({GetUi: refuse}, 1, []).answer(GetUi()) == ENDING


# --- the end


def test_the_end_is_decided_once() -> None:
    end = ApplicationEnd()
    end.shut_down(Shutdown(status=FinalStatus.KILLED, diagnostics="by alice"))
    end.follow_script(0)
    assert end.finish is not None
    assert (end.finish.status, end.finish.diagnostics) == (FinalStatus.KILLED, "by alice")
