"""The rows of the list: each is made once for all who see the same of it."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request
from markupsafe import Markup

from yarnhub.server.platform import documents
from yarnhub.server.platform.pages import rendering
from yarnhub.server.platform.pages.words import Status, reason

if TYPE_CHECKING:
    from yarnhub.server.platform.pages.login import Visitor
    from yarnhub.server.platform.service import Service
    from yarnhub.watch.table import Row
    from yarnhub.yarn.records.ids import ApplicationId

_MOST = 5000
"""Rows that are kept, of some hundred bytes each; the ones that were used least recently go."""

_Key = tuple["ApplicationId", int, bool, bool]


class Rows:
    """The rows of a service's list.

    Args:
        service: The service.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._kept: OrderedDict[_Key, Markup] = OrderedDict()

    def html(self, row: Row, visitor: Visitor) -> Markup:
        """A row as a visitor sees it. What it shows does not change without a new version."""
        viewer, report = (
            visitor.identity.viewer,
            self._service.visible(row.report, visitor.identity),
        )
        administers = self._service.administrators.allows(viewer)
        may = administers or report.user == viewer.name
        key = (report.application_id, row.version, report is row.report, may)
        found = self._kept.pop(key, None)
        if found is None:
            document = documents.application(report)
            text = rendering.fragment(
                "row.html",
                self._service,
                None,
                a=document,
                status=Status.of(report),
                reason="" if document.diagnostics is None else reason(report),
                can_kill=may and not report.yarn_application_state.ended,
            )
            found = Markup(text)  # noqa: S704  # from a template, which escapes
        self._kept[key] = found
        if len(self._kept) > _MOST:
            self._kept.popitem(last=False)
        return found


def rows_of(request: Request) -> Rows:
    """The rows of the service that a request is sent to."""
    found: Rows = request.app.state.rows
    return found


RowsOf = Annotated[Rows, Depends(rows_of)]
