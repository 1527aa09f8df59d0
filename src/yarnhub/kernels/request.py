"""What a kernel is started with."""

from __future__ import annotations

from dataclasses import dataclass, field

from yarnhub.spec import File  # noqa: TC001  # read by control.json


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelRequest:
    """A request for one kernel, checked against what its kernelspec and its user's limits allow.

    Attributes:
        id: The kernel's id, a UUID in its usual form.
        owner: The user's name at the service or the hub.
        user: The cluster's name of the user that it runs as.
        name: The kernelspec's name.
        argv: The kernelspec's, with `{connection_file}`.
        env: Variables of the kernel; they reach the node in the token file only.
        cwd: The folder on the node that the kernel starts in; empty for the container's `work`.
        interrupt: The kernelspec's `interrupt_mode`.
        transport: `ipc` or `tcp`, see `protocol.Launch`.
        queue: YARN's queue.
        memory: Bytes.
        vcores: Virtual cores.
        resource_types: Amounts of other resource types, such as `yarn.io/gpu`.
        node_label: The node label; empty for the queue's default.
        priority: Among the queue's applications.
        files: Files and archives by their names in the container's folder.
        tags: Further tags of its application.
        prologue: Shell lines before the launcher starts, for example to activate an environment.
        python: The Python that runs the launcher; empty for the first one of 3.11 or newer in the
            environment, in `PATH`, or among the files.
        program: What runs in its process besides the kernel, see `programs.PROGRAMS`; such a
            program may start YARN applications, which end with the kernel.
        notebook: The notebook's path, if one is known.
        note: What the client keeps with the kernel, to find it again: `Kernel.write_note`.
    """

    id: str
    owner: str
    user: str
    name: str
    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict, repr=False)
    cwd: str = ""
    interrupt: str = "signal"
    transport: str = "ipc"
    queue: str = "default"
    memory: int = 1024 * 1024 * 1024
    vcores: int = 1
    resource_types: dict[str, int] = field(default_factory=dict)
    node_label: str = ""
    priority: int = 0
    files: dict[str, File] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    prologue: str = ""
    python: str = ""
    program: str = ""
    notebook: str = ""
    note: str = field(default="", repr=False)
