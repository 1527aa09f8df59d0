"""The image of a container, and how Docker runs it.

Source: org.apache.hadoop.yarn.server.nodemanager.containermanager.linux.runtime
.DockerLinuxContainerRuntime and .OCIContainerRuntime, which refuse the same values as the patterns
here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from yarnhub.spec import _reading as read

if TYPE_CHECKING:
    from collections.abc import Sequence

_image = read.matching(
    r"(([a-zA-Z0-9.-]+)(:\d+)?/)?[a-z0-9_./-]+(:[\w.-]+|@sha256:[a-z0-9]{12,64})?",
    "the name of an image, like registry:5000/team/image:tag",
)
# A comma would start another mount in the variable; shell syntax is not allowed, either.
_PATH = r"[^:,\0\s\"'`$\\]+"
_mount = read.matching(
    rf"{_PATH}:/{_PATH}(:(r[ow]|(r[ow]\+)?r?(shared|slave|private)))?",
    "'source:/destination', optionally followed by ':ro' or ':rw'",
)
_tmpfs = read.matching(rf"/{_PATH}", "an absolute path")
_PORT = r"[0-9]{1,5}"
_port = read.matching(
    rf":{_PORT}|{_PORT}:{_PORT}|([0-9]{{1,3}}\.){{3}}[0-9]{{1,3}}:{_PORT}:{_PORT}",
    "'host:container', 'address:host:container' or ':container', each a port",
)
_word = read.matching(r"[A-Za-z0-9][A-Za-z0-9_.-]*", "one word of letters, digits, '_', '.', '-'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Docker(read.Element):
    """The image of a container. The cluster decides about omitted values.

    Attributes:
        image: Its name, optionally with a registry and a tag; the image must contain bash.
        mounts: `source:/destination`, optionally with `:ro` or `:rw`. The cluster allows only some
            sources; a relative one is a file of the specification.
        tmpfs: Folders of the container that are in memory.
        network: Docker's network; one that the cluster allows.
        hostname: The container's host name; Docker requires a user-defined network for it.
        ports: Ports of the node that lead into the container.
        privileged: Whether it has the privileges of the node's root; few clusters allow it.
        runtime: Docker's runtime, such as `nvidia`.
    """

    image: str
    mounts: Sequence[str] = ()
    tmpfs: Sequence[str] = ()
    network: str = ""
    hostname: str = ""
    ports: Sequence[str] = ()
    privileged: bool = False
    runtime: str = ""

    checks: ClassVar[read.Checks] = {
        "image": _image,
        "mounts": read.sequence(_mount),
        "tmpfs": read.sequence(_tmpfs),
        "network": read.optional(_word),
        "hostname": read.optional(_word),
        "ports": read.sequence(_port),
        "privileged": read.flag,
        "runtime": read.optional(_word),
    }

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables for YARN."""
        variables = {
            "IMAGE": self.image,
            "MOUNTS": ",".join(self.mounts),
            "TMPFS_MOUNTS": ",".join(self.tmpfs),
            "CONTAINER_NETWORK": self.network,
            "CONTAINER_HOSTNAME": self.hostname,
            "PORTS_MAPPING": ",".join(self.ports),
            "RUN_PRIVILEGED_CONTAINER": "true" if self.privileged else "",
            "RUNTIME": self.runtime,
        }
        named = {f"YARN_CONTAINER_RUNTIME_DOCKER_{name}": v for name, v in variables.items() if v}
        return {"YARN_CONTAINER_RUNTIME_TYPE": "docker", **named}
