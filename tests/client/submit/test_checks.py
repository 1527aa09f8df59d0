"""What is refused before anything is sent."""

from __future__ import annotations

import pytest

from client.submissions import RESOURCES, SERVICE, spec, submission
from yarnhub.base.errors import SpecError
from yarnhub.base.units import MiB, VCores
from yarnhub.client.submit.checks import check_resources, check_scripts
from yarnhub.client.submit.submission import submission_context
from yarnhub.spec import Master, Resources, Service
from yarnhub.yarn.launch import MAX_SCRIPT_BYTES
from yarnhub.yarn.records.resources import Resource, ResourceInformation


def test_a_script_that_is_too_long_is_refused_with_what_to_do() -> None:
    long = spec(services={"a": SERVICE, "b": Service(resources=RESOURCES, script="x" * 98305)})
    with pytest.raises(SpecError, match="98305 bytes are too long") as caught:
        submission_context(submission(long))
    assert caught.value.path == "services.b.script"
    check_scripts(spec(services={"b": Service(resources=RESOURCES, script="x" * MAX_SCRIPT_BYTES)}))


def test_the_length_of_a_script_is_that_of_its_escaped_bytes() -> None:
    with pytest.raises(SpecError):
        check_scripts(spec(services={"b": Service(resources=RESOURCES, script="$" * 60_000)}))


LARGEST = Resource(
    memory=1024,
    virtual_cores=4,
    resource_value_map=(ResourceInformation(key="yarn.io/gpu", value=2),),
)


@pytest.mark.parametrize(
    ("resources", "path", "reason"),
    [
        ({"memory": 1025}, "services.a.resources.memory", "1025 MiB are more than this cluster's"),
        ({"vcores": 5}, "services.a.resources.vcores", "5 are more than this cluster's"),
        ({"gpus": 3}, "services.a.resources", "3 of yarn.io/gpu are more"),
        ({"fpgas": 1}, "services.a.resources", "no resource type yarn.io/fpga; it has memory-mb"),
    ],
)
def test_what_can_never_be_given_is_refused(
    resources: dict[str, int], path: str, reason: str
) -> None:
    wanted = Resources.from_dict({"memory": 1, "vcores": 1, **resources})
    with pytest.raises(SpecError, match=reason) as caught:
        check_resources(spec(services={"a": Service(resources=wanted, script="x")}), LARGEST)
    assert caught.value.path == path


def test_the_master_is_checked_too() -> None:
    wanted = Resources(memory=MiB(9999), vcores=VCores(1))
    with pytest.raises(SpecError, match=r"^master\.resources\.memory: "):
        check_resources(spec(master=Master(resources=wanted)), LARGEST)


def test_what_just_fits_is_not_refused() -> None:
    wanted = Resources(memory=MiB(1024), vcores=VCores(4), gpus=2, custom={"example.com/x": 0})
    check_resources(spec(services={"a": Service(resources=wanted, script="x")}), LARGEST)
