"""The settings of the service: `c.Platform.name = value`, or TOML."""

from __future__ import annotations

from traitlets import Bool, Integer, Set, Unicode

from yarnhub.server.configuration import ClusterLogin, TicketLogin
from yarnhub.server.metrics_access import MetricsAccess
from yarnhub.sessions.users import SERVICE_ACCOUNTS


class Platform(ClusterLogin, MetricsAccess, TicketLogin):
    """The settings of the service."""

    ip = Unicode(
        "127.0.0.1",
        help="""The address to listen on, if the service's `url` in JupyterHub's configuration has
        none.""",
    ).tag(config=True)
    port = Integer(
        8892, min=0, max=65535, help="The port, if the service's `url` has none; 0 for any."
    ).tag(config=True)
    denied_users = Set(
        Unicode(),
        default_value=SERVICE_ACCOUNTS,
        help="Users of the cluster who cannot use the service; case-insensitive.",
    ).tag(config=True)
    administrators = Set(
        Unicode(),
        help="""Users of the cluster who see all of each application, and change limits. What they
        can kill is up to YARN.""",
    ).tag(config=True)
    administrator_groups = Set(
        Unicode(),
        help="""The same for members of groups of JupyterHub. The service needs the scope
        `read:users:groups`.""",
    ).tag(config=True)
    audit_log = Unicode(
        "",
        help="""A file that gets a line of JSON for each application that a user kills or moves to
        another queue, each build that a user starts or cancels, each environment that a user
        shares or deletes, each limit that an administrator changes, and for what a user is not
        allowed to do. By default, there is none.""",
    ).tag(config=True)
    build_site = Unicode(
        "",
        help="""A YAML or JSON file with the indexes, mirrors and certificates of builds of
        environments, as for `yarnhub env create --site`. Builds run as the users, who can read
        what is in it, and the credentials that it names. By default, users cannot start builds
        here.""",
    ).tag(config=True)
    database = Unicode(
        "sqlite:///platform.sqlite",
        help="""The URL of the service's database: `sqlite:///FILE`, whose folder only the service
        can write, or `postgresql://USER@HOST/DATABASE`. By default, it is a file in the folder in
        which the service is started.""",
    ).tag(config=True)
    usage_days = Integer(
        732, min=1, help="For how many days the usage of each hour is kept: by default, two years."
    ).tag(config=True)
    usage_of_others = Bool(
        default_value=False,
        help="""Whether all users see sums of everybody's usage, by hour and queue, without names of
        users.""",
    ).tag(config=True)
