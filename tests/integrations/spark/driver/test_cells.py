"""What a cell shows about Spark, by several threads."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from yarnhub.integrations.spark.driver.cells import Cell
from yarnhub.integrations.spark.driver.progress import Line


class Shell:
    """IPython's, as far as a display needs it."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        session = SimpleNamespace(send=self._send)
        self.display_pub = SimpleNamespace(session=session, pub_socket=None, topic=b"")

    def _send(self, _socket: object, _kind: str, content: dict[str, Any], **_: object) -> None:
        self.texts.append(content["data"]["text/plain"])


def test_a_cell_that_has_ended_shows_no_progress_that_is_late() -> None:
    shell = Shell()
    cell = Cell(Line(shell, {}))
    cell.show_jobs("1 job")
    assert cell.end()
    cell.show_result("1 job in 2 s")
    cell.show_jobs("1 job, 3 tasks done")
    assert shell.texts == ["1 job", "1 job in 2 s"]


def test_a_cell_whose_progress_was_not_shown_shows_no_result() -> None:
    shell = Shell()
    cell = Cell(Line(shell, {}))
    assert not cell.end()
    cell.show_jobs("1 job")
    assert shell.texts == []
