"""The pages about skein say what it does."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest
import yaml

from skein.cli import COMMANDS, application, container, node, parser
from yarnhub.control.messages import ContainerState, FinalStatus
from yarnhub.spec import ApplicationSpec
from yarnhub.yarn.records.applications import YarnApplicationState
from yarnhub.yarn.records.cluster import NodeState

DOCS = Path(__file__).parents[2] / "docs"
SECTION = re.compile(r"^### `skein (\w+ \w+)(.*?)`\n(.*?)(?=^##|\Z)", re.DOTALL | re.MULTILINE)


def sections() -> dict[str, str]:
    page = (DOCS / "reference" / "skein-cli.md").read_text("utf-8")
    return {command: f"{arguments}\n{text}" for command, arguments, text in SECTION.findall(page)}


def children(command: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in command._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def commands() -> dict[str, argparse.ArgumentParser]:
    return {
        f"{group} {name}": command
        for group, commands in children(parser(COMMANDS)).items()
        for name, command in children(commands).items()
    }


def test_every_command_has_its_section() -> None:
    assert set(sections()) == set(commands())


@pytest.mark.parametrize("command", commands())
def test_every_option_is_described(command: str) -> None:
    for action in commands()[command]._actions:
        for option in action.option_strings:
            if option not in ("-h", "--help"):
                assert re.search(rf"{option}\b", sections()[command]), option
        if not action.option_strings and action.dest != "help":
            assert str(action.metavar or action.dest).upper() in sections()[command]


def test_the_notebook_pages_specification_is_one() -> None:
    page = (DOCS / "tutorial" / "notebook.md").read_text("utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    spec = ApplicationSpec.from_dict(yaml.safe_load(block))
    assert spec.services["jupyter"].script.endswith("-m skein.recipes.jupyter_notebook\n")


def test_states_are_the_engines() -> None:
    # They are written out for the command line, which starts without the engine.
    assert tuple(YarnApplicationState.__members__) == application._STATES
    assert set(FinalStatus.__members__) == set(application._STATUSES)
    assert tuple(ContainerState.__members__) == container._STATES
    assert tuple(NodeState.__members__) == node._STATES
