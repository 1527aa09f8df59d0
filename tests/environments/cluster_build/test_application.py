"""A build as an application."""

from __future__ import annotations

import pytest

from yarnhub.base.errors import SpecError
from yarnhub.base.units import Seconds
from yarnhub.environments.cluster_build.application import (
    BuildOptions,
    build_application,
    built_name,
)
from yarnhub.environments.published.usage import tag
from yarnhub.spec import File


def test_it_is_found_by_its_tags_and_never_started_again() -> None:
    options = BuildOptions.from_dict(
        {"queue": "builds", "resources": {"memory": "3 GiB", "vcores": 2}, "timeout": "30 min"}
    )
    file = File(source="/tmp/builder.tar.gz")
    spec = build_application("table", "hdfs://other/environments", options, {"builder": file})
    assert spec.tags == {"yarnhub-build", "yarnhub-build:table"}
    assert (spec.queue, spec.timeout) == ("builds", Seconds(1800))
    assert spec.max_attempts == 1
    (service,) = spec.services.values()
    assert (service.resources.memory, service.resources.vcores) == (3072, 2)
    assert (service.instances, service.max_restarts) == (1, 0)
    assert service.env == {}
    assert spec.file_systems == ("hdfs://other/environments",)


def test_a_build_does_not_use_the_environment_whose_key_is_its_name() -> None:
    key = "0f" * 32
    spec = build_application(key, "hdfs://other/environments", BuildOptions(), {})
    assert tag(key) not in spec.tags


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"resources": {"memory": "much", "vcores": 1}}, "resources.memory"),
        ({"timeout": "soon"}, "timeout"),
        ({"queue": ""}, "queue"),
        ({"priority": 1}, ""),
    ],
)
def test_an_option_that_is_wrong_is_named(document: dict[str, object], path: str) -> None:
    with pytest.raises(SpecError) as caught:
        BuildOptions.from_dict(document)
    assert caught.value.path == path


def test_it_is_recognized_by_its_tags() -> None:
    tags = build_application("a.b-c", "/environments", BuildOptions(), {}).tags
    assert built_name(tags) == "a.b-c"
    for others in (
        {"yarnhub-build"},
        {"yarnhub-build:x"},
        {"yarnhub-build", "yarnhub-build:<b>"},
        {"yarnhub-build", "yarnhub-build:x", "yarnhub-build:y"},
    ):
        assert built_name(others) is None
