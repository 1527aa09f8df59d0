"""Which usage a page shows, as its address says."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from fastapi import Query

from yarnhub.database.usage import By
from yarnhub.server.platform import usage
from yarnhub.server.platform.documents import moment
from yarnhub.server.platform.usage import Dimension, RefusedQueryError, Scope, Step
from yarnhub.yarn.records.resources import MEMORY

if TYPE_CHECKING:
    from yarnhub.database.usage import Query as Sums
    from yarnhub.server.platform.service import Service
    from yarnhub.server.platform.viewers import Identity

_DEFAULT = dt.timedelta(days=6)
"""From the first to the last day."""
_DAY = dt.timedelta(days=1)
_MAX_DATE = 10
"""Characters of a date."""
Text = Annotated[str, Query(max_length=256)]


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageQuery:
    """The usage of some days.

    Attributes:
        begin: The first day; empty for 6 days before the last one.
        to: The last day; empty for today, in UTC.
        by: What has a sum of its own.
        step: The time of a bar of the chart.
        scope: Whose usage; None for the user's own, and everybody's for administrators.
        user: The only user; empty for all.
        queue: The only queue; empty for all.
        measure: The resource type that is shown in the chart.
    """

    begin: str = ""
    to: str = ""
    by: By = By.QUEUE
    step: Step = Step.DAY
    scope: Scope | None = None
    user: str = ""
    queue: str = ""
    measure: str = MEMORY

    def with_days(self, service: Service) -> UsageQuery:
        """The same query, with its first and last day as dates.

        Raises:
            RefusedQueryError: One of them is not a date, or out of range.
        """
        last = _date("to", self.to) if self.to else moment(int(service.clock() * 1000)).date()
        first = _date("from", self.begin) if self.begin else last - _DEFAULT
        return replace(self, begin=first.isoformat(), to=last.isoformat())

    async def sums(self, service: Service, identity: Identity) -> Sums:
        """The sums of the API that have this usage; with `with_days` only.

        Raises:
            RefusedQueryError: The range is not valid, or the user cannot see them.
        """
        return await usage.sums_of(
            service,
            identity,
            begin=usage.time_of(self.begin),
            to=usage.time_of(self.to) + _DAY,
            by=Dimension(self.by.value),
            step=self.step,
            scope=self.scope,
            user=self.user.strip(),
            queue=self.queue.strip(),
        )

    def address(self, **changes: Any) -> str:  # Any: values of the attributes
        """The query of the page's address, with changes."""
        changed, default = replace(self, **changes), UsageQuery()
        named = {each.name: getattr(changed, each.name) for each in fields(UsageQuery)}
        return "?" + urlencode(
            {
                "from" if name == "begin" else name: getattr(value, "value", value)
                for name, value in named.items()
                if value != getattr(default, name)
            }
        )


def _date(name: str, text: str) -> dt.date:
    try:
        date = dt.date.fromisoformat(text[: _MAX_DATE + 1])
    except ValueError as error:
        raise RefusedQueryError(422, name, "not a date, such as 2026-11-30") from error
    try:
        return usage.time_of(date.isoformat()).date()
    except ValueError as error:
        raise RefusedQueryError(422, name, str(error)) from error


def query_of(
    begin: Annotated[str, Query(alias="from", max_length=256)] = "",
    to: Text = "",
    by: By = By.QUEUE,
    step: Step = Step.DAY,
    scope: Scope | None = None,
    user: Text = "",
    queue: Text = "",
    measure: Text = MEMORY,
) -> UsageQuery:
    """The usage of a request."""
    return UsageQuery(
        begin=begin,
        to=to,
        by=by,
        step=step,
        scope=scope,
        user=user,
        queue=queue,
        measure=measure,
    )
