"""The launch context of a service's instance: a pure function of what was submitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.control import environment as names
from yarnhub.control.bootstrap import CERTIFICATE, KEY
from yarnhub.hadoop.wire.tokens import Credentials
from yarnhub.spec.records import local_resources
from yarnhub.yarn import launch
from yarnhub.yarn.records.launch import (
    ContainerLaunchContext,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.control.bootstrap import Application
    from yarnhub.spec import Service

# The script goes from the environment into a file before it runs: what stands in a command line
# can be read by everybody on the node.
RUN_SCRIPT = (
    f'(umask 077; printf %s "${names.SCRIPT}" > .skein.sh); unset {names.SCRIPT}; '
    "exec bash .skein.sh"
)


@dataclass(frozen=True, slots=True)
class ContextBuilder:
    """What the launch contexts of an application's instances have in common.

    Attributes:
        application: What was submitted.
        address: `host:port` where the AM answers.
        credentials: The AM's own; its AMRMToken and program are not handed on.
    """

    application: Application
    address: str
    credentials: Credentials

    def build(
        self, name: str, service: Service, instance: int, env: Mapping[str, str]
    ) -> ContainerLaunchContext:
        """The launch context of one instance.

        Args:
            name: The service's.
            service: Its specification; its files are staged.
            instance: Its number.
            env: Over the service's own variables.
        """
        docker = service.docker.environment if service.docker else {}
        variables = {"LANG": self.application.language, **docker, **service.env, **env}
        variables |= {
            names.APPMASTER_ADDRESS: self.address,
            names.APPLICATION_ID: self.application.application_id,
            names.CONTAINER_ID: f"{name}_{instance}",
            names.RESOURCE_VCORES: str(service.resources.vcores),
            names.RESOURCE_MEMORY: str(service.resources.memory),
            names.SCRIPT: service.script,
        }
        if self.application.simple_authentication:
            variables["HADOOP_USER_NAME"] = self.application.user
        return ContainerLaunchContext(
            local_resources=local_resources(service.files),
            tokens=self._tokens(),
            environment=launch.environment(variables),
            command=(launch.command(RUN_SCRIPT, f"{name}.log"),),
        )

    def _tokens(self) -> bytes:
        handed_on = ("YARN_AM_RM_TOKEN",)
        tokens = {
            alias: token
            for alias, token in self.credentials.tokens.items()
            if token.kind not in handed_on
        }
        secrets = {name: self.credentials.secrets[name] for name in (CERTIFICATE, KEY)}
        return Credentials(tokens, secrets).write()
