"""Any order of events keeps what the application promises."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from appmaster.core.scenario import Scenario, application, container, ended, service
from yarnhub.appmaster.core.actions import Ask, Finish, Launch, Reply, Signal, Stop
from yarnhub.appmaster.core.events import (
    LaunchFailed,
    MasterScriptEnded,
    PortAnswered,
    Resynced,
    Withdrawn,
)
from yarnhub.control.messages import (
    AddContainer,
    ContainerState,
    DeleteKeys,
    FinalStatus,
    GetContainers,
    KeyRange,
    KillContainer,
    ListKeys,
    PutKey,
    Request,
    Scale,
    Shutdown,
    WaitKey,
)

if TYPE_CHECKING:
    from yarnhub.yarn.records.containers import Container

NAMES = ("a", "b", "c")
KEYS = st.sampled_from(("k", "l", "a_0", "b_1"))
IDS = st.builds("{}_{}".format, st.sampled_from((*NAMES, "x")), st.integers(0, 6))
CODES = st.sampled_from((0, 1, 143, -100, -102, -104, -105))
REQUESTS: st.SearchStrategy[Request[Any]] = st.one_of(
    st.builds(Scale, service=st.sampled_from(NAMES), count=st.integers(0, 4)),
    st.builds(Scale, service=st.sampled_from(NAMES), delta=st.integers(-2, 2)),
    st.builds(AddContainer, service=st.sampled_from((*NAMES, "x"))),
    st.builds(KillContainer, id=IDS),
    st.builds(PutKey, key=KEYS, value=st.just(b""), owner=st.none() | IDS),
    st.builds(WaitKey, key=KEYS),
    st.builds(DeleteKeys, range=st.just(KeyRange())),
    st.just(ListKeys()),
    st.just(GetContainers()),
)


class Machine(RuleBasedStateMachine):
    """The scheduler, the nodes and the clients at random."""

    play: Scenario

    @initialize(
        script=st.sampled_from(("", "run")),
        restarts=st.sampled_from((-1, 0, 1, 2)),
        allow=st.booleans(),
        instances=st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)),
        delay=st.sampled_from((0, 3)),
        grace=st.sampled_from((0, 5)),
        ready=st.sampled_from((None, {"key": "l"}, {"key": "{container_id}"}, {"port": 1})),
    )
    def begin(
        self,
        script: str,
        restarts: int,
        allow: bool,
        instances: tuple[int, int, int],
        delay: int,
        grace: int,
        ready: dict[str, object] | None,
    ) -> None:
        a, b, c = (
            service(
                instances=count,
                max_restarts=restarts,
                allow_failures=allow,
                depends=set(depends),
                restart_delay=delay,
                grace_period=grace if "b" not in depends else 0,
                ready=ready if "b" not in depends else None,
            )
            for count, depends in zip(instances, ((), ("a",), ("a", "b")), strict=True)
        )
        self.play = Scenario(application(script, a=a, b=b, c=c))
        self.on_their_way: list[Container] = []
        """Given by the scheduler, not heard of by the application yet."""
        self.given: list[Container] = []
        self.running: list[Container] = []
        self.pending: set[int] = set()
        """Requests that wait for their reply."""
        self.withdrawn: set[int] = set()
        self.play.start()

    # --- YARN

    @precondition(lambda self: any(count > 0 for count in self.play.asked.values()))
    @rule(choice=st.randoms(use_true_random=False))
    def schedule(self, choice: Any) -> None:
        """The scheduler gives a container; the application hears of it later."""
        name = choice.choice([name for name, count in self.play.asked.items() if count > 0])
        self.on_their_way.append(self.play.container(name))

    @rule(extra=st.none() | st.sampled_from((0, 1, 2, 3)))
    def deliver(self, extra: int | None) -> None:
        """What was given arrives, and perhaps something that nobody asked for."""
        given, self.on_their_way = self.on_their_way, []
        if extra is not None:
            given.append(container(10_000 + len(self.play.history), extra))
        self.given += given
        self.running += given
        self.play.heartbeat(*given)

    @precondition(lambda self: self.running)
    @rule(at=st.integers(0, 99), code=CODES, again=st.booleans())
    def complete(self, at: int, code: int, again: bool) -> None:
        found = self.running[at % len(self.running)]
        if not again:
            self.running.remove(found)
        self.play.heartbeat(ended(found, code))

    @precondition(lambda self: self.given)
    @rule(at=st.integers(0, 99))
    def fail_launch(self, at: int) -> None:
        self.play.do(LaunchFailed(self.given[at % len(self.given)].id, "no"))

    @rule(between=st.booleans())
    def go_on_in_another_process(self, between: bool) -> None:
        """Killed after what it did was recorded; the scheduler may know of more containers."""
        before = self.play.of_all()
        coming = [each for each in self.on_their_way if between]
        self.on_their_way = [each for each in self.on_their_way if not between]
        self.given += coming
        self.play.restart(*self.running, *coming)
        if self.play.finish is None:
            for name, containers in self.play.of_all().items():
                assert containers[: len(before[name])] == before[name]
        self.pending.clear()
        self.withdrawn.clear()

    @rule()
    def restart_resource_manager(self) -> None:
        self.play.asked.clear()
        self.play.do(Resynced())

    # --- time

    @precondition(lambda self: self.play.application.due is not None)
    @rule()
    def wait_until_due(self) -> None:
        due = self.play.application.due
        assert due is not None
        self.play.wait(max(1, due - self.play.now))

    @precondition(lambda self: self.given)
    @rule(at=st.integers(0, 99))
    def answer_at_port(self, at: int) -> None:
        self.play.do(PortAnswered(self.given[at % len(self.given)].id))

    # --- clients

    @rule(request=REQUESTS)
    def request(self, request: Request[Any]) -> None:
        ended_before = self.play.finish is not None
        number = self.play.request(request)
        if isinstance(request, WaitKey) and not ended_before:
            self.pending.add(number)
        else:
            assert len(self.play.replies(number)) == 1

    @precondition(lambda self: self.pending)
    @rule(at=st.integers(0, 99))
    def withdraw(self, at: int) -> None:
        number = sorted(self.pending)[at % len(self.pending)]
        self.play.do(Withdrawn(number))
        self.pending.discard(number)
        self.withdrawn.add(number)

    @rule(code=st.sampled_from((0, 1, 143)), chance=st.integers(0, 9))
    def end_script(self, code: int, chance: int) -> None:
        if chance == 0 and self.play.application.spec.master.script:
            self.play.do(MasterScriptEnded(code))

    @rule(chance=st.integers(0, 9))
    def shut_down(self, chance: int) -> None:
        if chance == 0:
            self.play.request(Shutdown(status=FinalStatus.KILLED))

    # --- what holds after each step

    @invariant()
    def every_request_has_one_reply(self) -> None:
        replies = Counter(each.request_id for each in self.play.of(Reply))
        assert set(replies.values()) <= {1}
        self.pending -= set(replies)
        assert not self.withdrawn & set(replies)
        if self.play.finish is not None:
            assert not self.pending, "nobody is left waiting"

    @invariant()
    def numbers_are_never_used_twice(self) -> None:
        for each in self.play.application.services.values():
            numbers = [instance.number for instance in each.instances]
            assert numbers == list(range(len(numbers)))

    @invariant()
    def what_is_requested_is_asked_for(self) -> None:
        if self.play.finish is not None:
            return
        outstanding = dict.fromkeys(NAMES, 0)
        for action in self.play.history:
            if isinstance(action, Ask):
                # The last of the requests is for anywhere; each replaces its predecessor.
                request = action.requests[-1]
                assert request.priority is not None
                name = self.play.name(request.priority.priority)
                outstanding[name] = request.num_containers or 0
            elif isinstance(action, Launch):
                outstanding[action.service] -= 1
        for name in NAMES:
            requested = self.play.count(ContainerState.REQUESTED, name)
            assert outstanding[name] == requested

    @invariant()
    def the_scheduler_never_owes_too_little(self) -> None:
        if self.play.finish is not None:
            return
        for name in NAMES:
            coming = sum(
                each.priority is not None and self.play.name(each.priority.priority) == name
                for each in self.on_their_way
            )
            # It may owe more: what it gave while a new request was under way is counted twice.
            requested = self.play.count(ContainerState.REQUESTED, name)
            assert requested <= self.play.asked.get(name, 0) + coming

    @invariant()
    def waiting_instances_have_something_to_wait_for(self) -> None:
        services = self.play.application.services
        for each in services.values():
            if each.find(ContainerState.WAITING):
                unready = any(not services[name].ready for name in each.service.depends)
                for instance in each.find(ContainerState.WAITING):
                    assert unready or instance.due is not None

    @invariant()
    def nothing_that_is_due_is_left(self) -> None:
        due = self.play.application.due
        assert due is None or due > self.play.now

    @invariant()
    def what_has_a_grace_period_is_asked_before_it_is_stopped(self) -> None:
        asked = {each.container.id for each in self.play.of(Signal)}
        stopped = {each.container.id for each in self.play.of(Stop)}
        for each in self.play.application.services.values():
            for instance in each.find(ContainerState.KILLED) if each.service.grace_period else ():
                if instance.container and instance.container.id in stopped:
                    assert instance.container.id in asked

    @invariant()
    def who_was_asked_to_end_runs_and_will_be_stopped(self) -> None:
        for each in self.play.application.services.values():
            for instance in each.instances:
                if instance.stopping:
                    assert instance.state is ContainerState.RUNNING
                    assert instance.due is not None
                    assert self.play.finish is None
                if instance.state.ended:
                    assert instance.due is None
                    assert not instance.ready

    @invariant()
    def when_the_end_is_decided_nothing_is_wanted_any_more(self) -> None:
        application = self.play.application
        if application.finish is not None and not application.over:
            for each in application.services.values():
                assert not each.active

    @invariant()
    def every_container_is_launched_or_released(self) -> None:
        launched = [each.container.id for each in self.play.of(Launch)]
        assert len(launched) == len(set(launched)), "none is launched twice"
        if self.play.finish is None:
            assert {each.id for each in self.given} == set(launched) | set(self.play.released)

    @invariant()
    def running_instances_have_containers_of_their_own(self) -> None:
        running = [
            instance
            for each in self.play.application.services.values()
            for instance in each.find(ContainerState.RUNNING)
        ]
        ids = [instance.container.id for instance in running if instance.container]
        assert len(ids) == len(set(ids)) == len(running)

    @invariant()
    def owned_keys_belong_to_what_lives(self) -> None:
        known = {
            instance.id: instance
            for each in self.play.application.services.values()
            for instance in each.instances
        }
        store = self.play.application.keys
        for key in store.keys(KeyRange()):
            entry = store.get(key)
            if entry is not None and entry.owner is not None:
                assert not known[entry.owner].state.ended

    @invariant()
    def nothing_but_replies_follows_the_end(self) -> None:
        history = self.play.history
        ends = [at for at, action in enumerate(history) if isinstance(action, Finish)]
        assert len(ends) <= 1
        if ends:
            assert all(isinstance(action, Reply) for action in history[ends[0] + 1 :])


TestInvariants = Machine.TestCase
TestInvariants.settings = settings(
    max_examples=100,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
