"""Texts of shell with a value of a user's in them."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yarnhub.sessions.shell_quoting import PLACE, why_unsafe

SAFE = [
    f"show {PLACE}",
    f"show a{PLACE}b",
    f"show 'quoted' \"and\" {PLACE}",
    f"show \\\\ {PLACE} 'behind it'",
    f"show a#'b' {PLACE}",
]


@pytest.mark.parametrize(
    "text",
    [
        *SAFE,
        f"# don't\nshow {PLACE}",
        f"show $(echo {PLACE})",
        f'x={PLACE}; show "$x"',
        f'export PATH="$(dirname "$x"):$PATH"; show {PLACE}',
        f"show ${{x:-y}} ${{#x}} $# {PLACE}",
        f"show $$'a' {PLACE}",
        f"(cd a; case $x in y) show {PLACE};; esac)",
    ],
)
def test_it_may_stand_by_itself(text: str) -> None:
    assert why_unsafe(text) == ""


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(SAFE), st.text(st.characters(codec="utf-8", exclude_categories=["C"])))
def test_the_shell_takes_it_as_one_word(text: str, value: str) -> None:
    words = [each.replace("VALUE", value) for each in shlex.split(text.replace(PLACE, "VALUE"))]
    script = f"show() {{ printf '%s\\0' \"$@\"; }}\n{text.replace(PLACE, shlex.quote(value))}"
    done = subprocess.run(["/bin/bash", "-c", script], capture_output=True, check=True)
    assert done.stdout.decode().split("\0")[:-1] == words[1:]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"echo '{PLACE}'", "without ' around it"),
        (f'echo "{PLACE}"', 'without " around it'),
        (f'echo "$(echo {PLACE})"', 'without " around it'),
        (f"echo `echo {PLACE}`", "without ` around it"),
        (f"echo 'a' \"b{PLACE}\"", 'without " around it'),
        (f"echo {PLACE} '{PLACE}'", "without ' around it"),
        (f"echo \\{PLACE}", "without \\ before it"),
        (f'x="$(realpath "{PLACE}")"', 'without " around it'),
        (f"x=${{y:-{PLACE}}}", "without { around it"),
        (f"echo $'it\\'s {PLACE}'", "without $' around it"),
        (f"echo $[ {PLACE} ]", "or $["),
        (f"(true)# it's\necho '{PLACE}'", "a space before each #"),
        (f"echo a\\\n# it's {PLACE}", "no \\ at the end of the previous line"),
        (f"`# it's` echo '{PLACE}'", "without ` around it"),
        (f"cat <<EOF\n{PLACE}\nEOF", "after <<"),
        (f"echo $(( {PLACE} ))", "after <<, (("),
    ],
)
def test_it_may_not_stand_where_quotes_do_not_hold(text: str, reason: str) -> None:
    assert reason in why_unsafe(text)
