"""The launch context of a service's instance: a pure function of the submission."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from yarnhub.control import environment as names
from yarnhub.control.bootstrap import (
    AGENT,
    CERTIFICATE,
    KEY,
    RESOURCE_MANAGERS,
    TRUST,
    given_secrets,
    named_secrets,
)
from yarnhub.hadoop.wire.tokens import AMRM_TOKEN, TokenStorage
from yarnhub.spec.records import local_resources
from yarnhub.yarn import launch
from yarnhub.yarn.records.launch import ApplicationAccessType, ContainerLaunchContext

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.control.bootstrap import SubmittedApplication
    from yarnhub.spec import Service

# The script is written from the environment to a file before it runs: all users of the node can
# read command lines.
RUN_SCRIPT = (
    f'if [ -n "$LOG_DIRS" ]; then : > "${{LOG_DIRS%%,*}}/${names.CONTAINER_ID}{names.NAME_FILE}"; '
    "fi 2> /dev/null; "
    f'(umask 077; printf %s "${names.SCRIPT}" > .skein.sh); unset {names.SCRIPT}; '
    "exec bash .skein.sh"
)
# Not a child of the script, which may wait for all its children; but in its process group, so that
# YARN stops it with the container.
RUN_AGENT = (
    f"( ( {launch.run_token_file('$$')}; echo "
    '"No Python 3.11 or newer on this node: the tokens in $HADOOP_TOKEN_FILE_LOCATION stay as '
    "they are, and end after their maximum lifetime. Name one as YARNHUB_PYTHON in the service's "
    'env, or get new ones in the container yourself." > "${LOG_DIRS%%,*}/tokens.log" '
    ") < /dev/null > /dev/null 2>&1 & ); "
)


@dataclass(frozen=True, slots=True)
class ContextBuilder:
    """The common part of the launch contexts of an application's instances.

    Attributes:
        application: The submitted application.
        address: `host:port` of the AM.
        credentials: The AM's own; its AMRMToken and program are not passed on.
        agent: The program that keeps a container's tokens fresh; empty if not needed.
    """

    application: SubmittedApplication
    address: str
    credentials: TokenStorage
    agent: bytes = b""

    def with_tokens(self, tokens: bytes) -> ContextBuilder:
        """The same with other delegation tokens, from a token file (HDTS)."""
        newer = TokenStorage(TokenStorage.read(tokens).tokens)
        return replace(self, credentials=self.credentials.merge(newer))

    def build(
        self, name: str, service: Service, instance: int, env: Mapping[str, str]
    ) -> ContainerLaunchContext:
        """The launch context of one instance.

        Args:
            name: The service's name.
            service: Its specification; its files are staged.
            instance: Its number.
            env: Variables that override the service's.
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
            command=(launch.command(RUN_AGENT * bool(self.agent) + RUN_SCRIPT, f"{name}.log"),),
            application_acls={
                ApplicationAccessType[access]: names
                for access, names in self.application.acls.items()
            },
        )

    def _tokens(self) -> bytes:
        own = self.credentials.secrets
        secrets = {name: own[name] for name in (CERTIFICATE, KEY, RESOURCE_MANAGERS)}
        secrets |= named_secrets(given_secrets(own))
        if TRUST in own:
            secrets[TRUST] = own[TRUST]
        if self.agent:
            secrets[AGENT] = self.agent
        return TokenStorage(self.credentials.without(AMRM_TOKEN).tokens, secrets).write()
