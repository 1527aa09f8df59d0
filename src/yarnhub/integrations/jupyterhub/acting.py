"""The part of the spawner that says who the hub is on the cluster, and for whom it acts."""

from __future__ import annotations

import os
from typing import Any

from traitlets import Callable as CallableTrait
from traitlets import HasTraits, Set, Unicode

from yarnhub.base.errors import ConfigurationError
from yarnhub.client.access.settings import Settings
from yarnhub.integrations.jupyterhub.refusals import refuse_user
from yarnhub.sessions.users import SERVICE_ACCOUNTS


class Acting(HasTraits):
    """A spawner that acts for its user; it stands before JupyterHub's own class."""

    principal = Unicode(
        None, allow_none=True, help="The Kerberos principal of the hub; requires `keytab`."
    ).tag(config=True)
    keytab = Unicode(
        None, allow_none=True, help="The keytab of `principal`, readable by the hub's user."
    ).tag(config=True)
    cluster_user: Any = CallableTrait(  # Any: of a callable or None traitlets knows no type
        None,
        allow_none=True,
        help="""A function that is called with the spawner and returns the user's name on the
        cluster. By default, this is the name in the hub.""",
    ).tag(config=True)
    denied_users = Set(
        Unicode(),
        default_value=SERVICE_ACCOUNTS,
        help="""Users of the cluster for whom no server is started; the names are
        case-insensitive. On a cluster with Kerberos, the hub's own account is always denied.""",
    ).tag(config=True)
    user: Any  # JupyterHub's own

    def cluster_user_name(self) -> str:
        """Whom the cluster knows the user as.

        Raises:
            SpawnException: No server is started for such a user.
        """
        user: str = self.user.name if self.cluster_user is None else self.cluster_user(self)
        refuse_user(user, self.user.name, self.denied_users)
        return user

    def settings(self) -> Settings:
        """Where the cluster is, and who the hub is there.

        Raises:
            ConfigurationError: The configuration or the login is not as it should be.
        """
        if bool(self.principal) != bool(self.keytab):
            raise ConfigurationError(
                "c.YarnSpawner.principal and c.YarnSpawner.keytab go together: one is not set"
            )
        credential = None
        if self.keytab and self.principal:
            from yarnhub.hadoop.security.kerberos import Keytab

            credential = Keytab(self.keytab, self.principal)
        # The hub's own environment: that of its service unit.
        return Settings.from_environment(os.environ, credential)  # noqa: TID251
