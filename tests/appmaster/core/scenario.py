"""An application played through by hand: what YARN and clients would do, as methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from yarnhub.appmaster.core.actions import Action, Ask, Finish, Launch, Release, Reply
from yarnhub.appmaster.core.application import Application
from yarnhub.appmaster.core.events import Asked, Event, Heartbeat, Started, Tick
from yarnhub.appmaster.core.placement import Topology
from yarnhub.appmaster.core.records import Change
from yarnhub.base.units import MiB, VCores
from yarnhub.control import json, messages
from yarnhub.control.messages import ContainerState, Failure, GetContainers
from yarnhub.control.outcomes import Cause, Outcome, Subject
from yarnhub.spec import ApplicationSpec, Master, Resources, Service
from yarnhub.yarn.records.containers import Container, ContainerStatus
from yarnhub.yarn.records.ids import ApplicationAttemptId, ApplicationId, ContainerId, NodeId
from yarnhub.yarn.records.resources import Priority
from yarnhub.yarn.records.scheduler import AllocateResponse

if TYPE_CHECKING:
    from yarnhub.appmaster.core.budgets import Budgets
    from yarnhub.control.messages import Request

OVER = Outcome(cause=Cause.FINISHED, subject=Subject.APPLICATION)
"""The end of an application whose services have completed."""


def requested(words: str) -> Outcome:
    """The end of an application that a client ended, with these words."""
    return Outcome(cause=Cause.REQUESTED, subject=Subject.APPLICATION, raw=words)


A = TypeVar("A")

RESOURCES = Resources(memory=MiB(64), vcores=VCores(1))
ATTEMPT = ApplicationAttemptId(
    application_id=ApplicationId(id=7, cluster_timestamp=1700000000000), attempt_id=1
)
NODE = NodeId(host="node-1", port=8041)
START = 1000.0


def service(**changes: Any) -> Service:
    return Service(**{"resources": RESOURCES, "script": "run", **changes})


def application(script: str = "", **services: Service) -> ApplicationSpec:
    return ApplicationSpec(services=services, master=Master(script=script))


def container_id(number: int) -> ContainerId:
    return ContainerId(app_attempt_id=ATTEMPT, id=number)


def container(number: int, priority: int) -> Container:
    return Container(
        id=container_id(number),
        node_id=NODE,
        node_http_address="node-1:8042",
        priority=Priority(priority=priority),
    )


class Scenario:
    """Plays YARN and the clients; keeps what the application did."""

    def __init__(self, spec: ApplicationSpec, budgets: Budgets | None = None) -> None:
        self.application = Application(spec, "the document", Topology(racks={}), budgets)
        self.now = START
        self.history: list[Action] = []
        self.asked: dict[str, int] = {}
        """Per service, what the scheduler has been asked for and not yet given."""
        self._containers = 1  # the AM's own
        self._requests = 0
        self.recorded = [json.dump(self.application.snapshot())]

    def do(self, event: Event) -> list[Action]:
        self.now += 1
        actions = self.application.handle(event, self.now)
        self.history += actions
        change = self.application.changes()
        if change is not None:
            self.recorded.append(json.dump(change))
        for action in actions:
            if isinstance(action, Ask):
                for request in action.requests:
                    assert request.priority is not None
                    assert request.num_containers is not None
                    if request.resource_name == "*":
                        name = self.name(request.priority.priority)
                        self.asked[name] = request.num_containers
        return actions

    def name(self, priority: int | None) -> str:
        (name,) = (
            name for name, each in self.application.services.items() if each.priority == priority
        )
        return name

    def start(self) -> list[Action]:
        return self.do(Started())

    def wait(self, seconds: float) -> list[Action]:
        """So much later the application looks at the time."""
        self.now += seconds - 1  # as each event does
        return self.do(Tick())

    def restart(self, *previous: Container) -> list[Action]:
        """Another process goes on from what was recorded; the scheduler keeps these for it."""
        old = self.application
        self.application = Application(old.spec, "the document", Topology(racks={}), old.budgets)
        self.application.restore(json.load(Change, change) for change in self.recorded)
        assert self.application.snapshot() == old.snapshot()
        self.recorded = [json.dump(self.application.snapshot())]
        self.asked.clear()
        self.now -= 1  # in the same moment: nothing more is due
        return self.do(Started(previous))

    def of_all(self) -> dict[str, list[tuple[int, str]]]:
        """The instances of each service, with their state."""
        return {
            name: [(each.number, each.state.value) for each in service.instances]
            for name, service in self.application.services.items()
        }

    def heartbeat(self, *events: Container | ContainerStatus) -> list[Action]:
        return self.do(
            Heartbeat(
                AllocateResponse(
                    allocated_containers=tuple(e for e in events if isinstance(e, Container)),
                    completed_container_statuses=tuple(
                        e for e in events if isinstance(e, ContainerStatus)
                    ),
                )
            )
        )

    def container(self, name: str) -> Container:
        """A container for a service, as the scheduler gives it; counted off what was asked."""
        self._containers += 1
        self.asked[name] = self.asked.get(name, 0) - 1
        return container(self._containers, self.application.services[name].priority)

    def allocate(self, name: str, count: int = 1) -> list[Container]:
        given = [self.container(name) for _ in range(count)]
        self.heartbeat(*given)
        return given

    def complete(self, given: Container, code: int = 0, diagnostics: str = "") -> list[Action]:
        return self.heartbeat(ended(given, code, diagnostics))

    def request(self, request: Request[Any]) -> int:
        """Ask without an answer yet; returns the request's number."""
        self._requests += 1
        self.do(Asked(self._requests, request))
        return self._requests

    def replies(self, number: int) -> list[Any]:
        return [
            action.answer
            for action in self.history
            if isinstance(action, Reply) and action.request_id == number
        ]

    def ask(self, request: Request[A]) -> A:
        """The only reply to a request that is answered at once."""
        (answer,) = self.replies(self.request(request))
        assert type(answer) is request.answer
        return answer  # type: ignore[no-any-return]  # replies are of every class

    def refusal(self, request: Request[Any]) -> Failure:
        """The only reply to a request that is refused."""
        (failure,) = self.replies(self.request(request))
        assert isinstance(failure, Failure)
        return failure

    def states(self, name: str | None = None) -> list[str]:
        services = None if name is None else (name,)
        found = self.ask(GetContainers(services=services, states=None)).containers
        return [each.state.value for each in found]

    def of(self, kind: type[A]) -> list[A]:
        """All actions of a kind so far."""
        return [action for action in self.history if isinstance(action, kind)]

    @property
    def launched(self) -> list[str]:
        return [f"{each.service}_{each.instance}" for each in self.of(Launch)]

    @property
    def released(self) -> list[ContainerId]:
        return [each.container_id for each in self.of(Release)]

    @property
    def finish(self) -> Finish | None:
        found = self.of(Finish)
        assert len(found) <= 1
        return found[0] if found else None

    def count(self, state: ContainerState, name: str) -> int:
        return len(self.application.services[name].find(state))


def ended(given: Container, code: int = 0, diagnostics: str = "") -> ContainerStatus:
    return ContainerStatus(container_id=given.id, exit_status=code, diagnostics=diagnostics)


def begun(**services: object) -> Scenario:
    play = Scenario(application("run", **{n: service(**f) for n, f in services.items()}))  # type: ignore[arg-type]  # fields of services
    play.start()
    return play


def report(play: Scenario, number: int = -1, name: str = "a") -> messages.ServiceContainer:
    """As clients are told, but without the time that asking takes."""
    return play.application.services[name].instances[number].report()
