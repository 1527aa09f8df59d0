"""A page that says something else than what happens is found out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from docs.session import Session

if TYPE_CHECKING:
    from pathlib import Path

ID = "application_1795244520406_0001"


def run(folder: Path, text: str) -> Session:
    page = folder / "page.md"
    page.write_text(text)
    session = Session(folder, {"PATH": os.environ["PATH"]})  # noqa: TID251  # for subprocesses
    session.run(page)
    return session


def console(*lines: str) -> str:
    return "\n".join(("```console", *lines, "```\n"))


def test_commands_share_a_shell_and_the_files_of_the_page(tmp_path: Path) -> None:
    run(
        tmp_path,
        "```yaml\n# a.yaml\nname: a\n```\n"
        + console(
            "$ NAME=$(tail -n 1 a.yaml)", "$ cat <<END", "> got $NAME", "> END", "got name: a"
        )
        + "and later\n"
        + console("$ echo $NAME", "name: a"),
    )


@pytest.mark.parametrize(
    "lines",
    [
        ["$ echo one two", "one", "two"],
        ["$ false"],
        ["$ echo more", "mor"],
        ["$ echo fine", "Error: ..."],
        ["$ echo Error: no >&2; false", "Error: yes"],
        ["$ echo ran for 3 h", "ran for 3m"],
        ["no command printed this", "$ echo"],
    ],
)
def test_what_is_not_so_is_found_out(tmp_path: Path, lines: list[str]) -> None:
    with pytest.raises(AssertionError, match=r"page\.md:1"):
        run(tmp_path, console(*lines))


def test_what_differs_each_time_may_differ(tmp_path: Path) -> None:
    run(
        tmp_path,
        console(
            "$ echo localhost:4321 ran for 12s in container_17_1_1   and so on",
            "localhost:1234 ran for 3m in container_1795244520406_0001_01_000001 ...",
        )
        + console("$ echo Error: it is 7; echo Error: no such thing >&2; exit_code() { return 1; }")
        + console("$ echo Error: no such thing >&2; false", "Error: no ..."),
    )


def test_an_id_of_the_page_stands_for_the_one_that_came(tmp_path: Path) -> None:
    session = run(
        tmp_path,
        console("$ echo application_1_0042", ID, f"$ echo again {ID}", f"again {ID}"),
    )
    assert session.ids == {ID: "application_1_0042"}
    with pytest.raises(AssertionError, match=r"application_2_0001"):
        run(tmp_path, console("$ echo application_1_0042", ID, "$ echo application_2_0001", ID))


def test_a_program_that_fails_is_found_out(tmp_path: Path) -> None:
    run(tmp_path, "```python\nassert 1 + 1 == 2\n```\n")
    with pytest.raises(AssertionError, match="NameError"):
        run(tmp_path, "```python\nnothing\n```\n")


def test_what_is_not_to_be_run_is_not(tmp_path: Path) -> None:
    run(tmp_path, "<!-- not run: it fails -->\n" + console("$ false"))
