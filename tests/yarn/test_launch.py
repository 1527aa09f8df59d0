from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from yarn.launcher import launch
from yarnhub.yarn.launch import command, environment, escape, url
from yarnhub.yarn.records.launch import URL

# What bash, the NodeManager or both make something else of.
NASTY = st.sampled_from(
    [
        *"\\\"'$`!\n\r\t{}<*~;&|# \x7fé",
        *("{{", "}}", "<LOG_DIR>", "<CPS>", "$(id)", "${HOME}", "$$", "%HOME%"),
    ]
)
texts = st.lists(
    NASTY | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=3),
    max_size=8,
).map("".join)


@settings(max_examples=60, deadline=None)
@given(values=st.lists(texts, min_size=1, max_size=6))
@example(values=['{"a": {"b": {"c": 1}}}', "{{{{x}}}}", "<LOG_DIR>/<CPS>", "\\\\$x\\"])
def test_variables_reach_the_process_as_they_are(values: list[str]) -> None:
    variables = {f"V{number}": value for number, value in enumerate(values)}
    with tempfile.TemporaryDirectory() as name:
        done = launch(Path(name), environment(variables), ["env -0 > seen"])
        assert done.stderr == b""
        entries = Path(name, "seen").read_bytes().decode().split("\0")[:-1]
        found = dict(entry.split("=", 1) for entry in entries)
    assert {key: found[key] for key in variables} == variables


@settings(max_examples=60, deadline=None)
@given(text=texts)
@example(text="{{x}} }} <LOG_DIR>")
def test_a_command_reaches_bash_as_it_is(text: str) -> None:
    # Single quotes make all but themselves literal in the inner bash.
    quoted = "'" + text.replace("'", "'\\''") + "'"
    with tempfile.TemporaryDirectory() as name:
        done = launch(Path(name), {}, [command(f"printf %s {quoted}", "x.log")])
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        assert Path(name, "logs", "x.log").read_bytes() == text.encode()


def test_all_lines_of_a_command_write_to_its_log(tmp_path: Path) -> None:
    done = launch(tmp_path, {}, [command("echo one\necho two >&2\nno-such-program", "x.log")])
    assert (done.returncode, done.stdout, done.stderr) == (127, b"", b"")
    log = (tmp_path / "logs" / "x.log").read_text()
    assert log.startswith("one\ntwo\n")
    assert "no-such-program" in log


def test_the_exit_code_is_the_last_lines(tmp_path: Path) -> None:
    assert launch(tmp_path, {}, [command("false\nexit 7", "x.log")]).returncode == 7


def test_escape_leaves_plain_text_alone() -> None:
    text = "a b 'c' {d} <e> #!%^&*()~ é"
    assert escape(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "hdfs://nn:9000/user/alice/a.tar.gz",
            URL(scheme="hdfs", host="nn", port=9000, file="/user/alice/a.tar.gz"),
        ),
        ("hdfs://service/a", URL(scheme="hdfs", host="service", file="/a")),
        ("hdfs:///a", URL(scheme="hdfs", file="/a")),
        ("file:///a/b%20c", URL(scheme="file", file="/a/b c")),
        ("file:///a#b", URL(scheme="file", file="/a#b")),
        (
            "s3a://key:secret@bucket/a",
            URL(scheme="s3a", host="bucket", user_info="key:secret", file="/a"),
        ),
        ("hdfs://[::1]:9000/a", URL(scheme="hdfs", host="[::1]", port=9000, file="/a")),
    ],
)
def test_url(text: str, expected: URL) -> None:
    assert url(text) == expected
