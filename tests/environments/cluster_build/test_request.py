"""What a build in a container is asked to do."""

from __future__ import annotations

import pytest

from yarnhub.base.errors import SpecError
from yarnhub.environments.cluster_build.request import BuildRequest, file_system_properties
from yarnhub.environments.specification import EnvironmentSpec
from yarnhub.hadoop.conf import Configuration


def test_it_is_read_as_it_was_written() -> None:
    specification = EnvironmentSpec.from_dict(
        {
            "name": "x",
            "python": ">=3.11",
            "pip": ["numpy>=2"],
            "kernel": {"memory": "1 GiB", "vcores": 2},
            "access": {"users": ["bob"]},
        }
    )
    request = BuildRequest(
        specification=specification, root="/r", user="alice", hadoop={"fs.defaultFS": "hdfs://n"}
    )
    assert BuildRequest.parse(request.dump()) == request


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"root": 1}', b"[]"])
def test_another_document_is_refused(content: bytes) -> None:
    with pytest.raises(SpecError):
        BuildRequest.parse(content)


def test_properties_have_names_of_file_systems_and_no_secrets() -> None:
    configuration = Configuration(
        {
            "fs.defaultFS": "hdfs://${name}",
            "name": "ns",
            "dfs.nameservices": "ns",
            "hadoop.security.authentication": "kerberos",
            "yarn.resourcemanager.address": "rm:8032",
            "hadoop.security.group.mapping.ldap.bind.password": "x",
            "fs.s3a.access.key": "x",
            "dfs.client.https.keystore.resource": "x",
            "hadoop.security.credential.provider.path": "x",
        }
    )
    assert file_system_properties(configuration) == {
        "fs.defaultFS": "hdfs://ns",
        "dfs.nameservices": "ns",
        "hadoop.security.authentication": "kerberos",
    }
