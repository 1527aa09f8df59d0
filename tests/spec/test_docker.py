"""What a specification says of Docker, and what YARN is told."""

from __future__ import annotations

import pytest

from spec.strategies import application_document, service_document
from yarnhub.base.errors import SpecError
from yarnhub.spec import ApplicationSpec, Docker

WHOLE = {
    "image": "registry.example.com:5000/science/python:3.12",
    "mounts": ["/data:/data:ro", "/scratch:/tmp/scratch:rw", "model.bin:/model.bin"],
    "tmpfs": ["/run"],
    "network": "bridge",
    "hostname": "worker-1",
    "ports": ["8888:8888", ":6006", "127.0.0.1:1:2"],
    "privileged": True,
    "runtime": "nvidia",
}


def test_the_variables_are_yarns() -> None:
    assert Docker.from_dict(WHOLE).environment == {
        "YARN_CONTAINER_RUNTIME_TYPE": "docker",
        "YARN_CONTAINER_RUNTIME_DOCKER_IMAGE": "registry.example.com:5000/science/python:3.12",
        "YARN_CONTAINER_RUNTIME_DOCKER_MOUNTS": "/data:/data:ro,/scratch:/tmp/scratch:rw"
        ",model.bin:/model.bin",
        "YARN_CONTAINER_RUNTIME_DOCKER_TMPFS_MOUNTS": "/run",
        "YARN_CONTAINER_RUNTIME_DOCKER_CONTAINER_NETWORK": "bridge",
        "YARN_CONTAINER_RUNTIME_DOCKER_CONTAINER_HOSTNAME": "worker-1",
        "YARN_CONTAINER_RUNTIME_DOCKER_PORTS_MAPPING": "8888:8888,:6006,127.0.0.1:1:2",
        "YARN_CONTAINER_RUNTIME_DOCKER_RUN_PRIVILEGED_CONTAINER": "true",
        "YARN_CONTAINER_RUNTIME_DOCKER_RUNTIME": "nvidia",
    }


def test_what_is_not_said_is_left_to_the_cluster() -> None:
    assert Docker(image="python").environment == {
        "YARN_CONTAINER_RUNTIME_TYPE": "docker",
        "YARN_CONTAINER_RUNTIME_DOCKER_IMAGE": "python",
    }


def test_services_and_the_master_have_it() -> None:
    spec = ApplicationSpec.from_dict(
        application_document(
            master={"docker": {"image": "am"}},
            services={"s": service_document(docker=WHOLE)},
        )
    )
    assert spec.master.docker == Docker(image="am")
    assert spec.services["s"].docker == Docker.from_dict(WHOLE)
    assert ApplicationSpec.from_dict(spec.to_dict()) == spec


@pytest.mark.parametrize(
    "image",
    [
        "python",
        "library/python:3.12-slim",
        "host:5000/a/b/c",
        "team/app@sha256:" + "0" * 64,
    ],
)
def test_images_have_every_form(image: str) -> None:
    assert Docker(image=image).image == image


@pytest.mark.parametrize(
    ("key", "value", "path", "reason"),
    [
        ("image", "", "image", "must be the name of an image"),
        ("image", "Python", "image", "must be the name of an image"),
        ("image", "a b", "image", "must be the name of an image"),
        ("image", "a:", "image", "must be the name of an image"),
        ("mounts", "/a:/b", "mounts", "must be a list"),
        ("mounts", ["/a"], "mounts[0]", "must be 'source:/destination'"),
        ("mounts", ["/a:b"], "mounts[0]", "must be 'source:/destination'"),
        ("mounts", ["/a:/b:rx"], "mounts[0]", "must be 'source:/destination'"),
        ("mounts", ["/a:/b", "/a:/b,/c:/d"], "mounts[1]", "must be 'source:/destination'"),
        ("mounts", ["/a:/b$(id)"], "mounts[0]", "must be 'source:/destination'"),
        ("tmpfs", ["run"], "tmpfs[0]", "must be an absolute path"),
        ("network", "a b", "network", "must be one word"),
        ("hostname", "-x", "hostname", "must be one word"),
        ("ports", ["8888"], "ports[0]", "must be 'host:container'"),
        ("ports", [8888], "ports[0]", "must be text, not 8888"),
        ("privileged", "yes", "privileged", "must be true or false"),
        ("runtime", "a;b", "runtime", "must be one word"),
    ],
)
def test_what_yarn_would_refuse_is_refused(key: str, value: object, path: str, reason: str) -> None:
    with pytest.raises(SpecError) as caught:
        Docker.from_dict({"image": "python", key: value})
    assert caught.value.path == path
    assert caught.value.reason.startswith(reason)


def test_an_image_is_required() -> None:
    with pytest.raises(SpecError, match=r"^image: is required$"):
        Docker.from_dict({})
