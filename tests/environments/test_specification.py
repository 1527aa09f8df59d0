from __future__ import annotations

import pytest

from yarnhub.base.errors import SpecError
from yarnhub.environments import specification
from yarnhub.environments.specification import Conda, EnvironmentSpec

LOCK = f"six==1.17.0 --hash=sha256:{'a' * 64}\n"
CONDA_LOCK = f"file:///c/noarch/a-1-0.conda#{'a' * 64}\n"
FULL = {
    "schema": 1,
    "name": "science-2",
    "language": "python",
    "python": "3.12",
    "pip": ["numpy>=2", "six"],
    "conda": {"channels": ["conda-forge"], "packages": ["r-base >=4"]},
    "kernel": {"memory": "4 GiB", "vcores": 2},
    "access": {"users": ["bob"], "groups": ["data"], "everyone": False},
}


def test_a_document_is_read_and_written() -> None:
    found = EnvironmentSpec.from_dict(FULL)
    assert found.kernel is not None
    assert (found.name, found.kernel.memory, found.access.users) == ("science-2", 4096, ("bob",))
    assert EnvironmentSpec.from_dict(found.to_dict()) == found


def test_a_long_range_of_python_is_refused_before_it_is_parsed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two million conditions, in the 8 MiB of a file, take a minute and a GiB."""
    parsed: list[str] = []
    monkeypatch.setattr(specification, "SpecifierSet", parsed.append)
    with pytest.raises(SpecError, match="must be a version of Python"):
        EnvironmentSpec.from_dict({"name": "x", "pip": ["six"], "python": ">=3," * 20})
    assert parsed == []


def test_of_a_lock_no_more_than_the_limit_is_parsed() -> None:
    lines = [f"a{number}==1 --hash=sha256:{'a' * 64}" for number in range(2001)]
    with pytest.raises(SpecError, match="has more than 2000 packages"):
        EnvironmentSpec.from_dict({"name": "x", "lock": "\n".join([*lines, "never read"])})
    urls = [f"file:///c/noarch/a{number}-1-0.conda#{'a' * 64}" for number in range(2001)]
    conda = {"lock": "\n".join([*urls, "never read"])}
    with pytest.raises(SpecError, match="has more than 2000 packages"):
        EnvironmentSpec.from_dict({"name": "x", "conda": conda})


def test_a_name_and_a_package_are_enough() -> None:
    assert EnvironmentSpec.from_dict({"name": "x", "pip": ["six"]}).access.users == ()
    found = EnvironmentSpec.from_dict({"name": "x", "conda": {"lock": CONDA_LOCK}})
    assert EnvironmentSpec.from_dict(found.to_dict()) == found


@pytest.mark.parametrize(
    "package", ["numpy", "numpy >=2,<3", "python=3.12=*_cpython", "c/main::six ==1", "a-b.c ~=1.2"]
)
def test_conda_packages(package: str) -> None:
    assert Conda.from_dict({"packages": [package]}).packages == (package,)


KERNEL = {"memory": "1 GiB", "vcores": 1}


@pytest.mark.parametrize("kernel", [{}, KERNEL])
@pytest.mark.parametrize(
    ("packages", "pip"),
    [
        ({"pip": ["six"]}, ("six", "ipykernel")),
        ({}, ("ipykernel",)),
        ({"pip": ["IPykernel[test] >=6"]}, ("IPykernel[test]>=6",)),
        ({"conda": {"packages": ["ipykernel >=6"]}}, ()),
        ({"conda": {"packages": ["conda-forge::ipykernel"]}}, ()),
        ({"conda": {"lock": CONDA_LOCK.replace("/a-1-", "/ipykernel-7.0-")}}, ()),
        ({"lock": f"ipykernel==7.0 --hash=sha256:{'b' * 64}"}, ()),
    ],
)
def test_an_environment_with_a_kernel_has_ipykernel(
    packages: dict[str, object], pip: tuple[str, ...], kernel: dict[str, object]
) -> None:
    found = EnvironmentSpec.from_dict({"name": "x", "kernel": kernel, **packages})
    assert found.pip == pip
    assert (found.kernel is not None) == bool(kernel)
    assert EnvironmentSpec.from_dict(found.to_dict()) == found


@pytest.mark.parametrize("kernel", [{}, KERNEL, None])
@pytest.mark.parametrize(
    "conda",
    [
        {"packages": ["conda-forge::r-irkernel >=1.3"]},
        {"lock": CONDA_LOCK.replace("/a-1-", "/r-irkernel-1.3.2-")},
    ],
)
def test_irkernel_is_the_kernel_unless_there_is_ipykernel(
    conda: dict[str, object], kernel: dict[str, object] | None
) -> None:
    document: dict[str, object] = {"name": "x", "kernel": kernel, "conda": conda}
    for given in ({}, {"language": "r"}, {"language": "R"}, {"language": "r", "pip": ["six"]}):
        found = EnvironmentSpec.from_dict({**document, **given})
        assert (found.language, found.pip) == ("r", tuple(given.get("pip", ())))
        assert EnvironmentSpec.from_dict(found.to_dict()) == found
    both = {**document, "pip": ["ipykernel"]}
    assert EnvironmentSpec.from_dict(both).language == "python"
    assert EnvironmentSpec.from_dict({**both, "language": "r"}).language == "r"
    python = EnvironmentSpec.from_dict({**document, "language": "python"})
    assert python.pip == (("ipykernel",) if kernel is not None else ())


def test_an_environment_without_a_kernel_has_none() -> None:
    assert EnvironmentSpec.from_dict({"name": "x", "pip": ["six"]}).pip == ("six",)


@pytest.mark.parametrize(
    ("change", "path", "reason"),
    [
        ({"schema": 2}, "schema", "update yarnhub"),
        ({"name": None}, "name", "is required"),
        ({"name": "Science"}, "name", "lowercase"),
        ({"name": "a/../b"}, "name", "lowercase"),
        ({"name": "a;id"}, "name", "lowercase"),
        ({"name": "x" * 65}, "name", "64"),
        ({"language": "cobol"}, "language", "'cobol' is not supported: write 'python' or 'r'"),
        ({"language": "r"}, "language", "needs the conda package r-irkernel"),
        ({"language": "r", "conda": {"lock": CONDA_LOCK}}, "language", "r-irkernel"),
        ({"language": "r", "pip": ["r-irkernel"]}, "language", "r-irkernel"),
        ({"python": 3.12}, "python", "put the value in quotes"),
        ({"python": "2.7"}, "python", "must be a version of Python"),
        ({"python": "3.8"}, "python", "at least 3.9"),
        ({"python": "3.12; id"}, "python", "must be a version of Python"),
        ({"pip": "six"}, "pip", "must be a list"),
        ({"pip": ["six", "-e ."]}, "pip[1]", "is an option"),
        ({"pip": ["six"] * 2001}, "pip", "has more than 2000 requirements"),
        ({"pip": None, "conda": None, "kernel": None}, "pip", "is required"),
        ({"lock": LOCK}, "lock", "remove `pip`"),
        ({"pip": None, "lock": "six==1"}, "lock.line 1", "has no hash"),
        ({"lock_file": "x.txt"}, "lock_file", "only supported in files"),
        ({"conda": {"channels": ["https://user:secret@host/c"]}}, "conda.channels[0]", "without"),
        ({"conda": {"packages": ["$(id)"]}}, "conda.packages[0]", "a conda package"),
        ({"conda": {"packages": ["a"], "lock": CONDA_LOCK}}, "conda.lock", "remove `packages`"),
        ({"conda": {"lock": "a=1"}}, "conda.lock.line 1", "the http, https or file URL"),
        ({"conda": {"lock_file": "x"}}, "conda.lock_file", "only supported in files"),
        ({"conda": {"chanels": []}}, "conda", "did you mean 'channels'"),
        ({"kernel": {"memory": "4 GiB"}}, "kernel.vcores", "is required"),
        ({"pip": [], "lock": LOCK}, "kernel", "ipykernel, which the lock does not have"),
        ({"pip": [], "lock": LOCK, "kernel": {}}, "kernel", "the lock does not have"),
        ({"kernel": {"memory": "lots", "vcores": 1}}, "kernel.memory", "quantity of memory"),
        ({"access": {"users": ["bob,eve"]}}, "access.users[0]", "the name of a user"),
        ({"access": {"everyone": "yes"}}, "access.everyone", "true or false"),
        ({"pips": []}, "", "did you mean 'pip'"),
    ],
)
def test_an_error_names_the_field(change: dict[str, object], path: str, reason: str) -> None:
    with pytest.raises(SpecError, match=reason) as caught:
        EnvironmentSpec.from_dict({**FULL, **change})
    assert caught.value.path == path


def test_a_secret_in_a_channel_is_not_repeated() -> None:
    url = f"https://user:{'secret' * 20}@host/c"
    with pytest.raises(SpecError) as caught:
        EnvironmentSpec.from_dict({**FULL, "conda": {"channels": [url]}})
    assert "secret" not in str(caught.value)


def test_equal_locks_are_equal() -> None:
    first = EnvironmentSpec(name="x", lock=f"{LOCK}attrs==1 --hash=sha256:{'b' * 64}\n")
    second = EnvironmentSpec(name="x", lock=f"attrs==1 --hash=sha256:{'b' * 64}\n\n# x\n{LOCK}")
    assert first == second
    assert [each.name for each in first.locked] == ["attrs", "six"]
