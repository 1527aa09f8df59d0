"""What a list shows, as its address says."""

from __future__ import annotations

import enum
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Query
from pydantic import BeforeValidator

from yarnhub.watch.kinds import Kind
from yarnhub.watch.views import Column, View
from yarnhub.yarn.records.applications import YarnApplicationState

SIZE = 50
"""Applications of a page."""
MAX_WORDS = 8
"""Words to search for; more are ignored."""
_MAX_PAGE = 10**6
Text = Annotated[str, Query(max_length=256)]
KindOrAll = Annotated[Kind | None, BeforeValidator(lambda text: text or None)]
"""A form sends an empty text for all kinds."""


class Group(enum.StrEnum):
    """Some of the states of an application."""

    ALL = ""
    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"

    @property
    def states(self) -> frozenset[YarnApplicationState]:
        """Its states; none for all."""
        match self:
            case Group.RUNNING:
                return frozenset({YarnApplicationState.RUNNING})
            case Group.ENDED:
                return frozenset(each for each in YarnApplicationState if each.ended)
            case Group.WAITING:
                others = Group.RUNNING.states | Group.ENDED.states
                return frozenset(YarnApplicationState) - others
            case Group.ALL:
                return frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """A page of a list of applications.

    Attributes:
        text: Words to search for.
        state: The states.
        user: The owner; empty for all.
        queue: The queue; empty for all.
        kind: What the applications are for; None for all.
        sort: The column.
        descending: Whether the greatest is first.
        page: The page, from 1.
    """

    text: str = ""
    state: Group = Group.ALL
    user: str = ""
    queue: str = ""
    kind: Kind | None = None
    sort: Column = Column.ATTENTION
    descending: bool = False
    page: int = 1

    @property
    def view(self) -> View:
        """The filter and the order."""
        return View(
            text=" ".join(self.text.split()[:MAX_WORDS]),
            states=self.state.states,
            user=self.user.strip(),
            queue=self.queue.strip(),
            kinds=frozenset({self.kind} if self.kind else ()),
            column=self.sort,
            descending=self.descending,
        )

    @property
    def first(self) -> int:
        """The position of the page's first application, from 0."""
        return (self.page - 1) * SIZE

    def address(self, **changes: Any) -> str:  # Any: values of the attributes
        """The query of the page's address, with changes; another filter begins at its page 1."""
        if "page" not in changes:
            changes["page"] = 1
        changed = replace(self, **changes)
        named = {each.name: getattr(changed, each.name) for each in fields(ListQuery)}
        default = ListQuery()
        return "?" + urlencode(
            {name: _text(value) for name, value in named.items() if value != getattr(default, name)}
        )

    def sorted_by(self, column: Column) -> str:
        """The query of the list sorted by a column: the other way round if it already is."""
        again = self.sort is column and not self.descending
        return self.address(sort=column, descending=again)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value.value if isinstance(value, enum.Enum) else value)


def query_of(
    text: Text = "",
    state: Group = Group.ALL,
    user: Text = "",
    queue: Text = "",
    kind: KindOrAll = None,
    sort: Column = Column.ATTENTION,
    descending: bool = False,  # noqa: FBT001, FBT002  # a query parameter
    page: Annotated[int, Query(ge=1, le=_MAX_PAGE)] = 1,
) -> ListQuery:
    """The list of a request."""
    return ListQuery(
        text=text,
        state=state,
        user=user,
        queue=queue,
        kind=kind,
        sort=sort,
        descending=descending,
        page=page,
    )
