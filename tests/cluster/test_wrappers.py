"""The wrappers that replace Hadoop's own scripts."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from yarnhub.cluster.state.layout import Layout
from yarnhub.cluster.wrappers import COMMANDS, export_lines, write_wrappers


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Wrappers around a `java` that prints its arguments."""
    jars, java = tmp_path / "the jars", tmp_path / "java"
    jars.mkdir()
    for name in ("a.jar", "b.jar"):
        (jars / name).touch()
    (java / "bin").mkdir(parents=True)
    program = java / "bin" / "java"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    layout = Layout(tmp_path / "state")
    layout.root.mkdir()
    write_wrappers(layout, jars=jars, java_home=java, secure=False)
    return layout


def run(layout: Layout, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [layout.programs / command[0], *command[1:]],
        env={"PATH": "/usr/bin:/bin", **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("program", COMMANDS)
def test_the_class_path_needs_no_java(layout: Layout, program: str) -> None:
    jars = layout.root.parent / "the jars"
    (layout.root.parent / "java" / "bin" / "java").unlink()
    assert run(layout, program, "classpath").stdout == f"{layout.conf}:{jars}/*\n"
    globbed = run(layout, program, "classpath", "--glob").stdout
    assert globbed == f"{layout.conf}:{jars}/a.jar:{jars}/b.jar\n"


def test_a_command_becomes_its_class(layout: Layout) -> None:
    lines = run(layout, "yarn", "application", "-list").stdout.splitlines()
    assert lines[-3:] == [
        "org.apache.hadoop.yarn.client.cli.ApplicationCLI",
        "application",
        "-list",
    ]


def test_a_class_may_be_named(layout: Layout) -> None:
    assert run(layout, "hadoop", "org.example.Main", "a b").stdout.splitlines()[-2:] == [
        "org.example.Main",
        "a b",
    ]


def test_the_callers_configuration_and_classes_are_used(layout: Layout) -> None:
    output = run(layout, "hdfs", "dfs", HADOOP_CONF_DIR="/mine", HADOOP_CLASSPATH="/more.jar")
    path = output.stdout.splitlines()[output.stdout.splitlines().index("-cp") + 1]
    assert path.startswith("/mine:")
    assert path.endswith(":/more.jar")


@pytest.mark.parametrize("arguments", [(), ("nonsense",)])
def test_an_unknown_command_is_a_usage_error(layout: Layout, arguments: tuple[str, ...]) -> None:
    answer = run(layout, "yarn", *arguments)
    assert answer.returncode == 2
    assert answer.stderr.startswith("usage: yarn classpath |")


def test_exports_are_safe_to_evaluate() -> None:
    text = export_lines({"A": "x y'z", "B": "$(exit 3)"}, [Path("/my bin")])
    shown = subprocess.run(
        ["/bin/sh", "-c", f'{text}printf "%s|%s|%s" "$A" "$B" "$PATH"'],
        env={"PATH": "/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == "x y'z|$(exit 3)|/my bin:/bin"
