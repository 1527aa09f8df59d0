"""The requests that an ApplicationMaster answers, and their answers.

A request class names its answer's class: `Scale` is a `Request[Containers]`.
"""

from __future__ import annotations

from typing import Any

from yarnhub.control.messages.application import (
    FinalStatus,
    GetSpecification,
    SetProgress,
    Shutdown,
    Specification,
)
from yarnhub.control.messages.containers import (
    ACTIVE_STATES,
    ENDED_STATES,
    AddContainer,
    Containers,
    ContainerState,
    GetContainers,
    KillContainer,
    Scale,
    ServiceContainer,
    without_outcomes,
)
from yarnhub.control.messages.key_events import KeyEvent, KeyEvents, WatchKeys
from yarnhub.control.messages.keys import (
    DeleteKey,
    DeleteKeys,
    Entries,
    Entry,
    GetKey,
    GetKeys,
    KeyRange,
    Keys,
    ListKeys,
    Operation,
    PutKey,
    WaitKey,
)
from yarnhub.control.messages.pages import AddPage, GetPages, GetUi, Page, Pages, RemovePage, Ui
from yarnhub.control.messages.request import Failure, Nothing, Request
from yarnhub.control.messages.tokens import Tokens, UpdateTokens, WatchTokens
from yarnhub.control.messages.transactions import (
    Condition,
    KeyField,
    Operator,
    Transacted,
    Transaction,
)

REQUESTS: dict[str, type[Request[Any]]] = {
    cls.name(): cls
    for cls in (
        GetSpecification,
        Shutdown,
        GetContainers,
        Scale,
        AddContainer,
        KillContainer,
        SetProgress,
        GetKeys,
        ListKeys,
        GetKey,
        WaitKey,
        PutKey,
        DeleteKeys,
        DeleteKey,
        Transaction,
        WatchKeys,
        UpdateTokens,
        WatchTokens,
        GetUi,
        AddPage,
        RemovePage,
        GetPages,
    )
}

__all__ = [
    "ACTIVE_STATES",
    "ENDED_STATES",
    "REQUESTS",
    "AddContainer",
    "AddPage",
    "Condition",
    "ContainerState",
    "Containers",
    "DeleteKey",
    "DeleteKeys",
    "Entries",
    "Entry",
    "Failure",
    "FinalStatus",
    "GetContainers",
    "GetKey",
    "GetKeys",
    "GetPages",
    "GetSpecification",
    "GetUi",
    "KeyEvent",
    "KeyEvents",
    "KeyField",
    "KeyRange",
    "Keys",
    "KillContainer",
    "ListKeys",
    "Nothing",
    "Operation",
    "Operator",
    "Page",
    "Pages",
    "PutKey",
    "RemovePage",
    "Request",
    "Scale",
    "ServiceContainer",
    "SetProgress",
    "Shutdown",
    "Specification",
    "Tokens",
    "Transacted",
    "Transaction",
    "Ui",
    "UpdateTokens",
    "WaitKey",
    "WatchKeys",
    "WatchTokens",
    "without_outcomes",
]
