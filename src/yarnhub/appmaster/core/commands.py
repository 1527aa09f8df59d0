"""What clients may ask of an application, and its answers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from yarnhub.appmaster.core import pages
from yarnhub.appmaster.core.instances import reports
from yarnhub.appmaster.core.key_commands import answer_keys, transact
from yarnhub.appmaster.core.state import RefusedError
from yarnhub.base.errors import ConfigurationError, SpecError
from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.control.messages import (
    ENDED_STATES,
    AddContainer,
    AddPage,
    Container,
    Containers,
    DeleteKey,
    DeleteKeys,
    GetContainers,
    GetKey,
    GetKeys,
    GetPages,
    GetSpecification,
    GetUi,
    KillContainer,
    ListKeys,
    Nothing,
    Pages,
    PutKey,
    RemovePage,
    Request,
    Scale,
    SetProgress,
    Shutdown,
    Specification,
    Transaction,
    Ui,
    UpdateTokens,
)
from yarnhub.hadoop.wire.tokens import AMRM_TOKEN, Credentials
from yarnhub.spec import Service

if TYPE_CHECKING:
    from yarnhub.appmaster.core.instances import Instance
    from yarnhub.appmaster.core.state import State


def answer(state: State, request: Request[Any]) -> object:
    """Carry out a request that can be answered at once.

    Raises:
        RefusedError: It cannot be carried out; nothing was changed.
    """
    match request:
        case GetSpecification():
            return Specification(document=state.document)
        case Shutdown():
            state.end(request.status, clean_and_cut(request.diagnostics))
            return Nothing()
        case SetProgress():
            return _set_progress(state, request)
        case Scale() | AddContainer() if state.finish is not None:
            raise RefusedError("ended", "the application is ending")
        case GetContainers() | Scale() | AddContainer() | KillContainer():
            return _answer_containers(state, request)
        case PutKey() | GetKey() | GetKeys() | ListKeys() | DeleteKey() | DeleteKeys():
            return answer_keys(state, request)
        case Transaction():
            return transact(state, request)
        case UpdateTokens():
            return _update_tokens(state, request)
        case GetUi() | AddPage() | RemovePage() | GetPages():
            return _answer_pages(state, request)
        case _:
            raise RefusedError("unknown-request", f"unknown request {request.name()}")


def _set_progress(state: State, request: SetProgress) -> Nothing:
    if not (math.isfinite(request.progress) and 0 <= request.progress <= 1):
        raise RefusedError("invalid", f"progress must be between 0 and 1, got {request.progress}")
    state.progress = request.progress
    return Nothing()


def _update_tokens(state: State, request: UpdateTokens) -> Nothing:
    try:
        given = Credentials.read(request.tokens)
    except ConfigurationError as error:
        raise RefusedError("invalid", str(error)) from error
    # That one opens the ResourceManager to the ApplicationMaster, and is YARN's alone to give.
    if not state.take_tokens(given.without(AMRM_TOKEN)):
        most = state.limits.token_bytes
        raise RefusedError("full", f"an application's tokens have {most} bytes at most")
    return Nothing()


def _answer_containers(
    state: State, request: GetContainers | Scale | AddContainer | KillContainer
) -> Containers | Container | Nothing:
    match request:
        case GetContainers():
            return _containers(state, request)
        case Scale():
            return _scale(state, request)
        case AddContainer():
            return _add(state, request).report()
        case KillContainer():
            instance = state.instance(request.id)
            if instance is not None and not instance.state.ended:
                state.kill(instance)
            return Nothing()


def _containers(state: State, request: GetContainers) -> Containers:
    wanted = state.services if request.services is None else request.services
    all_ended = request.states is not None and set(request.states).isdisjoint(ENDED_STATES)
    found = [
        instance
        for service in (state.service(name) for name in sorted(set(wanted)))
        for instance in (service.alive if all_ended else service.instances)
    ]
    return Containers(containers=reports(found, request.states))


def _add(state: State, request: AddContainer) -> Instance:
    try:
        Service.checks["env"](request.env)
    except SpecError as error:
        raise RefusedError("invalid", f"env.{error}") from error
    size = sum(len(key) + len(value) for key, value in request.env.items())
    if size > state.limits.env:
        raise RefusedError(
            "invalid", f"env has {size} bytes, an instance's may have {state.limits.env} at most"
        )
    service = state.service(request.service)
    _check_count(state, len(service.active) + 1)
    return service.add(request.env)


def _check_count(state: State, wanted: int) -> None:
    most = state.limits.instances
    if wanted > most:
        raise RefusedError("invalid", f"a service has {most} active instances at most")


def _scale(state: State, request: Scale) -> Containers:
    service = state.service(request.service)
    active = len(service.active)
    if (request.count is None) == (request.delta is None):
        raise RefusedError("invalid", "give either a count or a delta")
    if request.count is not None and request.count < 0:
        raise RefusedError("invalid", f"a count cannot be negative, got {request.count}")
    wanted = request.count if request.count is not None else active + (request.delta or 0)
    if wanted > active:
        _check_count(state, wanted)
    touched = service.surplus(max(0, wanted))
    for instance in touched:
        state.kill(instance)
    touched += [service.add({}) for _ in range(wanted - active)]
    return Containers(containers=reports(touched, None))


def _answer_pages(
    state: State, request: GetUi | AddPage | RemovePage | GetPages
) -> Ui | Nothing | Pages:
    try:
        match request:
            case GetUi():
                return state.ui
            case GetPages():
                return Pages(pages=tuple(state.pages.values()))
            case AddPage() if len(state.pages) >= state.limits.pages:
                raise RefusedError(
                    "full", f"an application has {state.limits.pages} pages at most: remove one"
                )
            case AddPage():
                pages.add(state.pages, request.page)
            case RemovePage():
                pages.remove(state.pages, request.route)
    except ValueError as error:
        raise RefusedError("invalid", str(error)) from error
    return Nothing()
