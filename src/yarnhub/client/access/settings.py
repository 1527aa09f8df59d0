"""The cluster and the user."""

from __future__ import annotations

import getpass
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError
from yarnhub.client.access.trust import SiteTrust
from yarnhub.hadoop.conf import Configuration
from yarnhub.hadoop.ipc.options import RpcOptions
from yarnhub.hadoop.security.authentication import is_secure
from yarnhub.hadoop.security.users import KerberosUser, SimpleUser, User
from yarnhub.hadoop.trust import system

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.hadoop.security.users import KerberosCredential
    from yarnhub.hadoop.trust import TrustSource

_USUAL_CONF_DIR = Path("/etc/hadoop/conf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of a client.

    Attributes:
        configuration: The cluster's configuration.
        user: The user and how it is authenticated.
        user_name: The user's short name in YARN and HDFS.
        config_folder: The folder with the user's credentials for applications.
        cache_folder: A folder for files that can be created again.
        language: `LANG` for the containers.
        options: Budgets and requirements of all connections.
        python: The Python of ApplicationMasters whose specification names none: a path that all
            nodes have, `archive` for the runtime archive, or empty for what nodes have on PATH.
        trust: The CA of the cluster's HTTPS servers.
    """

    configuration: Configuration
    user: User
    user_name: str
    config_folder: Path
    cache_folder: Path
    language: str
    options: RpcOptions
    python: str = ""
    trust: TrustSource = system

    @property
    def secure(self) -> bool:
        """Whether the cluster requires authentication."""
        return isinstance(self.user, KerberosUser)

    @property
    def by_principal(self) -> bool:
        """Whether YARN identifies the caller by the full principal instead of the short name.

        This is so for every Kerberos login that does not act for another user.
        """
        return isinstance(self.user, KerberosUser) and self.user.name is None

    @property
    def acting(self) -> str:
        """The short name of the user who acts for this one; empty if the user is the caller."""
        match self.user:
            case SimpleUser(real=str(real)):
                return real
            case KerberosUser(credential=credential, name=str()):
                from yarnhub.hadoop.security.auth_to_local import local_name

                return local_name(credential.principal, self.configuration)
            case _:
                return ""

    def acting_for(self, name: str) -> Settings:
        """The settings of another user for whom this one acts; the cluster must allow it.

        Args:
            name: The other user; the user's own name or an empty one changes nothing.
        """
        if name in ("", self.user_name):
            return self
        match self.user:
            case SimpleUser(name=own, real=real):
                user: User = SimpleUser(name, real or own)
            case KerberosUser(credential=credential):
                user = KerberosUser(credential, name)
            case _:
                raise ConfigurationError("the owner of a token cannot act for another user")
        return replace(self, user=user, user_name=name)

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str], credential: KerberosCredential | None = None
    ) -> Settings:
        """Settings from the environment.

        Read are `HADOOP_CONF_DIR`, `HADOOP_USER_NAME`, `KRB5CCNAME`, `SKEIN_CONFIG`,
        `XDG_CACHE_HOME`, `LANG`, `YARNHUB_PYTHON` and `YARNHUB_CA_FILE`; for the last two the
        administrator may set defaults by the Hadoop properties `yarnhub.python` and
        `yarnhub.ca-file`.

        Args:
            environment: The variables.
            credential: The login on a cluster with Kerberos; None uses the ticket cache.

        Raises:
            ConfigurationError: The Hadoop configuration is missing or invalid.
            AuthenticationError: The cluster requires Kerberos and there is no ticket.
        """
        folder = configuration_folder(environment)
        configuration = Configuration.load(folder, environment)
        home = _home(environment)
        user, name = _user(configuration, environment, credential)
        return cls(
            configuration=configuration,
            user=user,
            user_name=name,
            config_folder=config_folder(environment),
            cache_folder=Path(environment.get("XDG_CACHE_HOME") or home / ".cache") / "yarnhub",
            language=environment.get("LANG") or "C.UTF-8",
            trust=SiteTrust.of(environment, configuration, folder),
            python=environment.get("YARNHUB_PYTHON") or configuration.get("yarnhub.python") or "",
            options=RpcOptions.configured(configuration),
        )

    @classmethod
    def of_login(
        cls, environment: Mapping[str, str], keytab: str | Path | None, principal: str | None
    ) -> Settings:
        """Settings from the environment, with a keytab as login, which is tried at once.

        Args:
            environment: The variables.
            keytab: The file with the principal's key; None uses the ticket cache.
            principal: The principal to log in as; None if there is no keytab.

        Raises:
            ValueError: There is a keytab without a principal, or the reverse.
            FileNotFoundError: The keytab does not exist.
            ConfigurationError: As `from_environment`.
            AuthenticationError: The keytab cannot be used to log in.
        """
        from yarnhub.hadoop.security.kerberos import Keytab

        if keytab is None and principal is None:
            return cls.from_environment(environment)
        if keytab is None or principal is None:
            raise ValueError("give both a keytab and a principal, or neither")
        keytab = Path(keytab)
        if not keytab.exists():
            raise FileNotFoundError(f"keytab doesn't exist at '{keytab.absolute()}'")
        credential = Keytab(keytab, principal)
        found = cls.from_environment(environment, credential)
        if found.secure:
            credential.acquire()
        return found


def configuration_folder(environment: Mapping[str, str]) -> Path:
    """The folder of the cluster's configuration: `HADOOP_CONF_DIR`, or one of the usual folders.

    Raises:
        ConfigurationError: The variable is not set and none of the usual folders exists.
    """
    named = environment.get("HADOOP_CONF_DIR") or environment.get("YARN_CONF_DIR")
    if named:
        return Path(named)
    home = environment.get("HADOOP_HOME")
    for folder in (_USUAL_CONF_DIR, *([Path(home) / "etc" / "hadoop"] if home else [])):
        if folder.is_dir():
            return folder
    raise ConfigurationError(
        "no Hadoop configuration: set HADOOP_CONF_DIR to the folder with core-site.xml and "
        'yarn-site.xml; `eval "$(yarnhub cluster env)"` sets it for a cluster of your own'
    )


def config_folder(environment: Mapping[str, str]) -> Path:
    """The folder of the user's credentials: `SKEIN_CONFIG`, else `~/.skein`."""
    return Path(environment.get("SKEIN_CONFIG") or _home(environment) / ".skein")


def _home(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("HOME") or Path.home())


def _user(
    configuration: Configuration,
    environment: Mapping[str, str],
    credential: KerberosCredential | None,
) -> tuple[User, str]:
    if not is_secure(configuration):
        name = environment.get("HADOOP_USER_NAME") or getpass.getuser()
        return SimpleUser(name), name
    from yarnhub.hadoop.security.auth_to_local import local_name
    from yarnhub.hadoop.security.kerberos import TicketCache

    credential = credential or TicketCache(environment.get("KRB5CCNAME"))
    return KerberosUser(credential), local_name(credential.principal, configuration)
