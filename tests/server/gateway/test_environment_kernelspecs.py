"""The kernelspecs of environments: names and contents."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.gateway.published import published
from yarnhub.base.errors import SpecError
from yarnhub.base.units import MiB, VCores
from yarnhub.kernels.kernelspec import Kernelspec, read, request_of
from yarnhub.server.gateway.environment_kernelspecs import (
    MOST,
    by_kernelspec,
    check_resources,
    check_site,
    kernelspec_name,
    kernelspec_of,
)
from yarnhub.spec import File, FileType, FileVisibility, Resources

GIB = 2**30
ID = "0f9d8a5e-1b2c-4d3e-8f70-123456789abc"
NAMES = st.text("a1-._", max_size=63).map("x{}".format)
OWNERS = st.text("aA1-._@$", max_size=40).map("x{}".format)


def config(spec: Any) -> dict[str, Any]:
    found: dict[str, Any] = spec.metadata["kernel_provisioner"]["config"]
    return found


def test_a_kernel_gets_the_environment_and_its_resources() -> None:
    kernel = Resources(
        memory=MiB(2048), vcores=VCores(2), gpus=1, custom={"example.com/licence": 3}
    )
    environment = published(number=3, kernel=kernel)

    types = {"gpus": 1, "resource_types": {"example.com/licence": 5}}
    spec = kernelspec_of(environment, "alice", {"queue": "research", "memory": "9 GiB", **types})
    request = request_of(
        read(config(spec)),
        Kernelspec(name="env-alice-table", argv=spec.argv, interrupt_mode=spec.interrupt_mode),
        id=ID,
        owner="alice",
        user="alice",
        asked={},
    )

    assert spec.display_name == "table (Python 3.11)"
    assert spec.language == "python"
    assert (request.queue, request.memory, request.vcores) == ("research", 2 * GIB, 2)
    assert request.resource_types == {"yarn.io/gpu": 1, "example.com/licence": 3}
    assert request.argv[0] == "{resource_dir}/environment/bin/python"
    assert request.files == {
        "environment": File(
            source=environment.url,
            type=FileType.ARCHIVE,
            visibility=FileVisibility.PRIVATE,
            size=1003,
            timestamp=1_700_000_000_003,
        )
    }
    assert request.tags == (f"yarnhub-env:{'3' * 64}",)


def test_containers_unpack_environments_if_the_site_wants_it() -> None:
    site = {"environment": {"unpack": "container", "cache_size": "20 GiB"}}
    check_site(site)
    environment = published(public=True)
    found = read(config(kernelspec_of(environment, "alice", site)))
    assert found.all_files == {
        "environment.tar.gz": replace(environment.file(), type=FileType.FILE)
    }
    assert found.environment is not None
    assert found.environment.key == environment.manifest.key
    assert found.environment.cache_size == 20 * GIB


def test_a_shared_environment_names_its_owner() -> None:
    environment = published(public=True)
    spec = kernelspec_of(environment, "bob", {})
    assert spec.display_name == "table of alice (Python 3.11)"
    assert read(config(spec)).all_files["environment"].visibility is FileVisibility.PUBLIC
    assert read(config(spec)).memory == GIB


def test_an_environment_of_unknown_python_has_a_name() -> None:
    spec = kernelspec_of(published(python=""), "alice", {})
    assert spec.display_name == "table (Python)"


R = {"r-base": "4.2.2", "r-irkernel": "1.3.2"}


def test_an_r_kernel() -> None:
    environment = published(language="r", packages=R)
    assert list(by_kernelspec([environment], "alice")) == ["env-alice-table"]
    spark = {"archive": "hdfs:///spark.tar.gz"}
    spec = kernelspec_of(environment, "bob", {"queue": "research", "spark": spark})
    assert (spec.display_name, spec.language) == ("table of alice (R 4.2)", "R")
    request = request_of(
        read(config(spec)),
        Kernelspec(name="env-alice-table", argv=spec.argv, interrupt_mode=spec.interrupt_mode),
        id=ID,
        owner="bob",
        user="bob",
        asked={},
    )
    assert request.argv == (
        "{resource_dir}/environment/bin/R",
        *("--slave", "-e", "IRkernel::main()", "--args", "{connection_file}"),
    )
    assert request.queue == "research"
    assert list(request.files) == ["environment"]
    assert request.program == ""
    unknown = published(language="r", packages={"r-irkernel": "1.3.2"})
    assert kernelspec_of(unknown, "alice", {}).display_name == "table (R)"


def test_environments_without_ipykernel_have_no_kernelspec() -> None:
    found = by_kernelspec([published(), published(name="no", packages={"tabulate": "1"})], "alice")
    assert list(found) == ["env-alice-table"]


def test_those_of_others_do_not_displace_ones_own() -> None:
    others = [published("mallory", f"n{number}") for number in range(MOST)]
    all_of_them = [*others, published("zoe", "shared"), published("alice", "z")]
    found = list(by_kernelspec(all_of_them, "alice", MOST))
    assert len(found) == MOST
    assert found[0] == "env-alice-z"
    assert "env-zoe-shared" in found[:3]
    assert len(by_kernelspec(all_of_them, "alice")) == MOST + 2


LIMITS = {"limits": {"KERNEL_MEMORY": "2 GiB", "KERNEL_VCORES": 4, "KERNEL_QUEUE": ["a"]}}


def test_a_kernel_above_the_limits_of_the_site_is_refused_with_the_reason() -> None:
    environment = published(kernel=Resources(memory=MiB(4096), vcores=VCores(2)))
    with pytest.raises(SpecError, match="'table' is 4 GiB, and must be at most 2 GiB") as refused:
        check_resources(environment, LIMITS)
    assert refused.value.path == "kernel.memory"
    # It is listed all the same, so that users read the reason.
    assert read(config(kernelspec_of(environment, "alice", LIMITS))).memory == 2 * GIB

    check_resources(published(kernel=Resources(memory=MiB(2048), vcores=VCores(4))), LIMITS)
    check_resources(published(), LIMITS)
    check_resources(environment, {})


@pytest.mark.parametrize(
    ("kernel", "path"),
    [
        (Resources(memory=MiB(1), vcores=VCores(1), gpus=2), "kernel.gpus"),
        (Resources(memory=MiB(1), vcores=VCores(1), custom={"x": 3}), "kernel.resource_types.x"),
    ],
)
def test_a_kernel_has_no_resources_that_the_site_does_not_offer(
    kernel: Resources, path: str
) -> None:
    environment = published(kernel=kernel)
    with pytest.raises(SpecError, match="must be at most 1 here") as refused:
        check_resources(environment, {"gpus": 1, "resource_types": {"x": 1}})
    assert refused.value.path == path
    with pytest.raises(SpecError, match="must be at most 0 here"):
        check_resources(environment, {})
    check_resources(environment, {"limits": {"KERNEL_GPUS": 2}, "resource_types": {"x": 3}})
    assert sum(read(config(kernelspec_of(environment, "alice", {}))).resource_types.values()) == 0


@pytest.mark.parametrize(
    ("site", "path"),
    [
        ({"memroy": 1}, ""), ({"memory": "much"}, "memory"),
        ({"environment": "/opt"}, "environment"),
        ({"environment": {"archive": "hdfs:///e.tar.gz"}}, "environment"),
        ({"environment": {"unpack": "me"}}, "environment.unpack"),
        ({"files": {"environment": "hdfs:///x"}}, "files.environment"),
    ],
)  # fmt: skip
def test_settings_of_the_site_are_checked(site: dict[str, object], path: str) -> None:
    check_site(LIMITS)
    with pytest.raises(SpecError) as refused:
        check_site(site)
    assert refused.value.path == path


@given(OWNERS, NAMES, OWNERS, NAMES)
def test_names_are_unique_and_jupyters(owner: str, name: str, other: str, other_name: str) -> None:
    first, second = kernelspec_name(owner, name), kernelspec_name(other, other_name)
    assert re.fullmatch(r"[a-z0-9._-]{1,100}", first)
    assert first.endswith(f"-{name}")
    assert (first == second) == ((owner, name) == (other, other_name))


@pytest.mark.parametrize(
    ("one", "two"),
    [(("a", "b-c"), ("a-b", "c")), (("A", "b"), ("a", "b")), (("x" * 40, "b"), ("x" * 41, "b"))],
)
def test_owners_are_not_mistaken(one: tuple[str, str], two: tuple[str, str]) -> None:
    assert kernelspec_name(*one) != kernelspec_name(*two)


@given(
    st.builds(
        Resources,
        memory=st.integers(1, 2**40).map(MiB),
        vcores=st.integers(1, 2**31 - 1).map(VCores),
        gpus=st.integers(0, 2**63 - 1),
        custom=st.dictionaries(
            st.from_regex(r"[a-z]{1,3}/[a-z]{1,3}", fullmatch=True),
            st.integers(0, 2**63 - 1),
            max_size=3,
        ),
    )
)
def test_each_kernel_that_can_be_published_has_a_valid_kernelspec(kernel: Resources) -> None:
    for site in ({}, LIMITS):
        read(config(kernelspec_of(published(kernel=kernel), "alice", site)))
