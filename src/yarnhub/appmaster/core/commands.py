"""What clients may ask of an application, and its answers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from yarnhub.appmaster.core.instances import reports
from yarnhub.base.errors import SpecError
from yarnhub.control.messages import (
    AddContainer,
    Container,
    Containers,
    DeleteKey,
    DeleteKeys,
    Entries,
    Entry,
    Failure,
    GetContainers,
    GetKey,
    GetKeys,
    GetSpecification,
    KeyRange,
    Keys,
    KillContainer,
    ListKeys,
    Nothing,
    PutKey,
    Request,
    Scale,
    SetProgress,
    Shutdown,
    Specification,
)
from yarnhub.spec import Service

if TYPE_CHECKING:
    from yarnhub.appmaster.core.instances import Instance, ServiceInstances
    from yarnhub.appmaster.core.state import State


MAX_INSTANCES = 10_000
"""Of one service: a slip of the keyboard must not eat the AM's memory."""


class RefusedError(Exception):
    """A request that is not carried out; `failure` tells the client why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.failure = Failure(code, message)


def answer(state: State, request: Request[Any]) -> object:
    """Carry out a request that can be answered at once.

    Raises:
        RefusedError: It cannot be carried out; nothing was changed.
    """
    match request:
        case GetSpecification():
            return Specification(document=state.document)
        case Shutdown():
            state.end(request.status, request.diagnostics)
            return Nothing()
        case SetProgress():
            return _set_progress(state, request)
        case GetContainers() | Scale() | AddContainer() | KillContainer():
            return _answer_containers(state, request)
        case PutKey() | GetKey() | GetKeys() | ListKeys() | DeleteKey() | DeleteKeys():
            return _answer_keys(state, request)
        case _:
            raise RefusedError("unknown-request", f"unknown request {request.name()}")


def _set_progress(state: State, request: SetProgress) -> Nothing:
    if not (math.isfinite(request.progress) and 0 <= request.progress <= 1):
        raise RefusedError("invalid", f"progress must be between 0 and 1, got {request.progress}")
    state.progress = request.progress
    return Nothing()


def _answer_containers(
    state: State, request: GetContainers | Scale | AddContainer | KillContainer
) -> Containers | Container | Nothing:
    match request:
        case GetContainers():
            wanted = state.services if request.services is None else request.services
            found = [
                instance
                for name in sorted(set(wanted))
                for instance in _service(state, name).instances
            ]
            return Containers(containers=reports(found, request.states))
        case Scale():
            return _scale(state, request)
        case AddContainer():
            return _add(state, request).report()
        case KillContainer():
            instance = find_instance(state, request.id)
            if not instance.state.ended:
                state.kill(instance)
            return Nothing()


def _add(state: State, request: AddContainer) -> Instance:
    try:
        Service.checks["env"](request.env)
    except SpecError as error:
        raise RefusedError("invalid", f"env.{error}") from error
    return _service(state, request.service).add(request.env)


def _scale(state: State, request: Scale) -> Containers:
    service = _service(state, request.service)
    active = len(service.active)
    if (request.count is None) == (request.delta is None):
        raise RefusedError("invalid", "give either a count or a delta")
    if request.count is not None and request.count < 0:
        raise RefusedError("invalid", f"a count cannot be negative, got {request.count}")
    wanted = request.count if request.count is not None else active + (request.delta or 0)
    if wanted > MAX_INSTANCES:
        raise RefusedError("invalid", f"a service has {MAX_INSTANCES} active instances at most")
    touched = service.surplus(max(0, wanted))
    for instance in touched:
        state.kill(instance)
    touched += [service.add({}) for _ in range(wanted - active)]
    return Containers(containers=reports(touched, None))


def _service(state: State, name: str) -> ServiceInstances:
    try:
        return state.services[name]
    except KeyError:
        raise RefusedError("invalid", f"Unknown service '{name}'") from None


def find_instance(state: State, container_id: str) -> Instance:
    """The instance of an id like `worker_3`.

    Raises:
        RefusedError: There is none.
    """
    name, _, number = container_id.rpartition("_")
    if not name or not number.isdecimal():
        raise RefusedError("invalid", f"'{container_id}' is not a container's id, like 'worker_0'")
    # The id itself is looked up: int() also reads 01 and ٣, under which no key is ever owned.
    for instance in _service(state, name).instances:
        if instance.id == container_id:
            return instance
    raise RefusedError("invalid", f"Service '{name}' has no container instance {number}")


def _answer_keys(
    state: State,
    request: PutKey | GetKey | GetKeys | ListKeys | DeleteKey | DeleteKeys,
) -> Nothing | Entries | Keys:
    keys = state.keys
    match request:
        case PutKey():
            _check_owner(state, request.owner)
            state.put(Entry(key=request.key, value=request.value, owner=request.owner))
            return Nothing()
        case GetKey():
            entry = keys.get(request.key)
            return Entries(entries=() if entry is None else (entry,))
        case GetKeys():
            found = (keys.get(key) for key in _keys(state, request.range))
            return Entries(entries=tuple(entry for entry in found if entry is not None))
        case ListKeys():
            return Keys(keys=_keys(state, request.range))
        case DeleteKey():
            return Keys(keys=(request.key,) if keys.delete(request.key) else ())
        case DeleteKeys():
            doomed = _keys(state, request.range)
            for key in doomed:
                keys.delete(key)
            return Keys(keys=doomed)


def _keys(state: State, wanted: KeyRange) -> tuple[str, ...]:
    if wanted.prefix is not None and (wanted.start is not None or wanted.end is not None):
        raise RefusedError("invalid", "give either a prefix or a start and an end")
    return state.keys.keys(wanted)


def _check_owner(state: State, owner: str | None) -> None:
    if owner is not None and find_instance(state, owner).state.ended:
        raise RefusedError("invalid", f"Container '{owner}' has already completed")
