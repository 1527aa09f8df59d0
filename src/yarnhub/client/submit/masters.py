"""How an application's ApplicationMaster is run: managed by YARN, or unmanaged."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from yarnhub.client.submit import runtime_archive
from yarnhub.client.submit.submission import APPLICATION_TYPE, credentials
from yarnhub.control import bootstrap
from yarnhub.hadoop.wire.tokens import TokenStorage
from yarnhub.spec.records import application_acls, local_resources
from yarnhub.yarn import launch
from yarnhub.yarn.records.launch import ContainerLaunchContext

if TYPE_CHECKING:
    from yarnhub.client.access.settings import Settings
    from yarnhub.client.files.staging import Progress
    from yarnhub.client.submit.submission import Submission
    from yarnhub.spec import ApplicationSpec, File

MASTER_LOG = "application.master.log"

_RUN_MASTER = f"""\
{launch.run_token_file()}
echo "This node has no Python 3.11 or newer on its PATH ($PATH): name one in the specification as \
master.env.YARNHUB_PYTHON, an absolute path that all nodes have, or write 'archive' there: the \
client brings its own." >&2
exit 127"""


@dataclass(frozen=True, slots=True)
class ManagedMaster:
    """Our ApplicationMaster, in a container that YARN starts.

    Attributes:
        program: Its code: see `yarnhub.client.submit.appmaster_zip`.
        python: The Python that runs it, unless its environment names one: see `Settings.python`.
        archive: The runtime archive, if it is run by one.
    """

    program: bytes = field(repr=False)
    python: str = ""
    archive: File | None = None

    @property
    def unmanaged(self) -> bool:
        """See `MasterLaunch.unmanaged`."""
        return False

    @property
    def application_type(self) -> str:
        """See `MasterLaunch.application_type`."""
        return APPLICATION_TYPE

    def check_room(self, _: object) -> None:
        """See `MasterLaunch.check_room`: the specification has all containers."""

    async def ready_on_nodes(
        self, spec: ApplicationSpec, settings: Settings, progress: Progress | None
    ) -> ManagedMaster:
        """See `MasterLaunch.ready_on_nodes`: uploads the runtime archive if a node needs it."""
        if spec.master.env.get(runtime_archive.VARIABLE, self.python) != runtime_archive.ARCHIVE:
            return self
        # hdfs-native takes longer to import than a submission without files takes in all.
        from yarnhub.client.files.file_systems import user_file_system
        from yarnhub.client.submit import python_archive

        archive = await asyncio.to_thread(python_archive.cached, settings.cache_folder)
        async with user_file_system(settings) as file_system:
            return replace(
                self, archive=await runtime_archive.published(file_system, archive, progress)
            )

    def launch_context(self, submission: Submission) -> ContainerLaunchContext:
        """See `MasterLaunch.launch_context`."""
        master = submission.spec.master
        docker = master.docker.environment if master.docker else {}
        variables = {"LANG": submission.language, **docker, **master.env}
        files = dict(master.files)
        if self.python:
            variables.setdefault(runtime_archive.VARIABLE, self.python)
        if self.archive is not None:
            variables[runtime_archive.VARIABLE] = runtime_archive.PYTHON
            files[runtime_archive.FOLDER] = self.archive
        if submission.simple_authentication:
            variables["HADOOP_USER_NAME"] = submission.user
        common = credentials(submission)
        secrets = {**common.secrets, bootstrap.PROGRAM: self.program}
        return ContainerLaunchContext(
            local_resources=local_resources(files),
            tokens=TokenStorage(common.tokens, secrets).write(),
            environment=launch.environment(variables),
            command=(launch.command(_RUN_MASTER, MASTER_LOG),),
            application_acls=application_acls(submission.spec.acls, submission.viewer),
        )


@dataclass(frozen=True, slots=True)
class UnmanagedMaster:
    """An ApplicationMaster in a process outside of YARN."""

    @property
    def unmanaged(self) -> bool:
        """See `MasterLaunch.unmanaged`."""
        return True

    @property
    def application_type(self) -> str:
        """See `MasterLaunch.application_type`."""
        return APPLICATION_TYPE

    def check_room(self, _: object) -> None:
        """See `MasterLaunch.check_room`: the specification has all containers."""

    async def ready_on_nodes(self, *_: object) -> UnmanagedMaster:
        """See `MasterLaunch.ready_on_nodes`: it needs nothing of the nodes."""
        return self

    def launch_context(self, submission: Submission) -> ContainerLaunchContext:
        """See `MasterLaunch.launch_context`: the ResourceManager renews tokens and checks ACLs."""
        return ContainerLaunchContext(
            tokens=TokenStorage(submission.tokens).write(),
            application_acls=application_acls(submission.spec.acls, submission.viewer),
        )
