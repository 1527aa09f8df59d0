"""The form for a new environment: what it builds, and where it shows what is wrong."""

from __future__ import annotations

import pytest

from yarnhub.server.platform.pages.build_form import BuildForm


def form(**texts: str) -> BuildForm:
    return BuildForm.of({"name": "table", "pip": "tabulate", **texts})


def test_the_fields_are_a_specification() -> None:
    sent = {
        "name": " table ",
        "python": "3.12",
        "pip": "# ours\r\ntabulate >= 0.9  # new\r\n\r\npandas",
        "packages": "gdal >=3.9",
        "channels": "conda-forge\nhttps://conda.example.com/x",
        "memory": "2 GiB",
        "vcores": "2",
        "unknown": "x",
    }
    found = BuildForm.of(sent).specification()
    assert found.name == "table"
    assert found.python == "3.12"
    assert found.pip == ("tabulate>=0.9", "pandas", "ipykernel")
    assert found.conda.packages == ("gdal >=3.9",)
    assert found.conda.channels == ("conda-forge", "https://conda.example.com/x")
    assert found.kernel is not None
    assert (found.kernel.memory, found.kernel.vcores) == (2048, 2)


def test_notebooks_need_a_kernel() -> None:
    assert form(notebooks="on").specification().pip == ("tabulate", "ipykernel")
    assert form().specification().pip == ("tabulate",)


@pytest.mark.parametrize(
    ("texts", "field", "words"),
    [
        ({"name": ""}, "name", "Is required."),
        ({"name": "A"}, "name", "Must be a name of at most 64 lowercase letters"),
        ({"python": "2.7"}, "python", "Must be a version of Python"),
        ({"pip": "# a\n\ntabulate\n--pre"}, "pip", "Line 4: "),
        ({"pip": ""}, "pip", "Is required: an environment needs a package."),
        ({"packages": "x\n-"}, "packages", "Line 2: "),
        ({"channels": "http://user:password@x"}, "channels", "Line 1: "),
        ({"memory": "much", "vcores": "1"}, "memory", ""),
        ({"memory": "1 GiB"}, "vcores", "Is required."),
        ({"memory": "1 GiB", "vcores": "0"}, "vcores", "Must be at least 1"),
        ({"memory": "1 GiB", "vcores": "1.5"}, "vcores", "Must be a whole number"),
        ({"queue": " "}, "queue", "Must be the name of a queue."),
    ],
)
def test_a_problem_is_at_its_field(texts: dict[str, str], field: str, words: str) -> None:
    found = form(**texts).problems()
    assert list(found) == [field]
    assert found[field].startswith(words)


def test_all_fields_with_a_problem_are_named() -> None:
    sent = {"name": "A", "python": "x", "pip": "--x", "packages": "-", "memory": "y", "queue": ""}
    assert form(**sent).problems().keys() == {
        "name", "python", "pip", "packages", "memory", "vcores", "queue",
    }  # fmt: skip


def test_fields_that_are_not_filled_in_have_no_problem_while_one_types() -> None:
    typed = BuildForm(name="A", queue="default")
    assert typed.without_empty(typed.problems()).keys() == {"name"}


def test_a_valid_form_has_no_problems() -> None:
    assert form(notebooks="on", memory="1 GiB", vcores="1").problems() == {}


@pytest.mark.parametrize("notebooks", ["on", ""])
def test_a_specification_is_the_form_that_it_was_made_from(notebooks: str) -> None:
    sent = form(
        python="3.12", pip="pandas\ntabulate", packages="gdal >=3.9", channels="conda-forge",
        notebooks=notebooks,
    )  # fmt: skip
    assert BuildForm.from_specification(sent.specification()) == sent


def test_the_resources_of_a_specification_are_in_its_form() -> None:
    found = BuildForm.from_specification(form(memory="2 GiB", vcores="2").specification())
    assert (found.memory, found.vcores, found.notebooks) == ("2048", "2", "on")
