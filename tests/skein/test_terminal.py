"""What others have written reaches no terminal as it is: escape codes could rewrite the screen."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

import skein.cli
from skein.cli.explain import in_lines
from skein.cli.logs import print_files, print_lines
from skein.cli.tables import application_table
from skein.explanation import Explanation
from skein.model import ApplicationLogs
from skein.utils import format_table
from yarnhub.base.errors import ControlError, FailureCode
from yarnhub.client.logs.aggregated import LogChunk, LogFile
from yarnhub.client.logs.instances import instance_in
from yarnhub.hadoop.codec import decode, encode
from yarnhub.hadoop.ipc.translation import translate
from yarnhub.yarn.records.applications import ApplicationReport
from yarnhub.yarn.records.ids import ContainerId

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

EVIL = "\x1b]0;owned\x07\x1b[2Jname\r\nline"
"""Sets the window's title, clears the screen and begins a new line."""
HUGE = EVIL + "x" * 5_000_000


def field(number: int, text: str) -> bytes:
    data, length = text.encode(), len(text.encode())
    head = bytearray([number << 3 | 2])
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([*head, length]) + data


def test_a_report_holds_no_more_than_a_page_of_anybodys_words() -> None:
    report = decode(ApplicationReport, field(4, HUGE) + field(10, HUGE))
    for text in (report.name, report.diagnostics):
        assert text.startswith("name\nline")
        assert len(text) <= 4096
    assert len(encode(ApplicationReport(diagnostics=HUGE))) < 5000
    assert application_table([report], 0.0).count("\n") == 1
    assert "\x1b" not in application_table([report], 0.0)


def test_who_somebody_is_stays_as_it_is() -> None:
    # Cleaned, it would be somebody else's name.
    assert decode(ApplicationReport, field(2, "al\x1b[0mice")).user == "al\x1b[0mice"
    assert format_table(("user",), [["al\x1b[0mice"]]) == "USER\nalice"


def test_a_java_exception_is_told_without_its_escape_codes() -> None:
    error = translate("java.io.IOException", HUGE + "\n\tat x.Y", address="rm:1")
    assert str(error) == "name (connecting at rm:1)"
    assert len(getattr(error, "details", "")) <= 4096


def test_the_error_of_a_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise ControlError(FailureCode.INVALID, HUGE)

    monkeypatch.setattr("skein.cli.driver._succeed", fail)
    with pytest.raises(SystemExit):
        skein.cli.main(["driver", "start"])
    said = capsys.readouterr().err
    assert said.startswith("Error: name\nline")
    assert len(said) <= 4096 + len("Error: \n")


def test_an_explanation() -> None:
    shown = in_lines(Explanation(id="a", state="FAILED", summary=EVIL, reasons=(HUGE,)))
    assert "\x1b" not in shown
    assert len(shown) < 9000


FILE = LogFile(
    container_id=ContainerId.parse("container_1_0001_01_000002"),
    node="n",
    name=EVIL,
    length=2,
    instance=EVIL,
)


async def chunks() -> AsyncIterator[LogChunk]:
    yield LogChunk(FILE, 0, b"hi\x1b[1m!\n")


async def test_headings_of_logs() -> None:
    out = io.BytesIO()
    await print_files(chunks(), out, "** Logs **")
    heading, _, content = out.getvalue().rpartition(b"-\n")
    assert b"\x1b" not in heading
    assert b"name line, 2 bytes" in heading
    assert content == b"hi\x1b[1m!\n", "logs themselves are printed as they are"


async def test_prefixes_of_logs() -> None:
    out = io.BytesIO()
    await print_lines(chunks(), out)
    assert out.getvalue() == b"name line | hi\x1b[1m!\n"


def test_the_name_in_a_launch_script_that_a_container_has_changed() -> None:
    script = b'export SKEIN_CONTAINER_ID="\x1b[2Ja_\xff\n0"\n'
    assert instance_in(script) == "a_\ufffd 0"
    assert "\x1b" not in ApplicationLogs("application_1", {EVIL: "text"}).dumps()
