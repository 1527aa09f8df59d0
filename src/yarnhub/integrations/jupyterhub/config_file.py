"""A first `jupyterhub_config.py`: pure, from what is known of a cluster to a text."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from yarnhub.integrations.jupyterhub.certificates import alternative_names

_WIDTH = 88
_USUAL = 2048
"""MiB of a server, unless the cluster gives less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a cluster.

    Attributes:
        conf_dir: The folder of its configuration.
        host: The hub's.
        secure: Whether it asks for Kerberos.
        principal: The hub's; empty if it is not known.
        keytab: The file with its key; empty if it is not known.
        queues: To which the hub may submit; empty if they are not known.
        memory: MiB of the largest container; 0 if it is not known.
        vcores: Of the largest container; 0 if that is not known.
        unknown: What could not be found out, and why.
    """

    conf_dir: str
    host: str
    secure: bool
    principal: str = ""
    keytab: str = ""
    queues: tuple[str, ...] = ()
    memory: int = 0
    vcores: int = 0
    unknown: tuple[str, ...] = ()


def render(facts: Facts) -> str:
    """The file. It holds no secret."""
    parts = (
        _head(facts),
        _cluster(facts),
        _USERS,
        _size(facts),
        _ENVIRONMENT,
        _network(facts),
        _STATE,
        _CULLER,
    )
    return "\n".join(parts)


def _head(facts: Facts) -> str:
    lines = [
        '"""JupyterHub on Hadoop YARN; written by `yarnhub init`.',
        "",
        "`yarnhub doctor` says what is wrong with what is set here and on the cluster.",
        '"""',
        "",
    ]
    if facts.unknown:
        lines += ["# Could not be found out when this was written:"]
        lines += [line for each in facts.unknown for line in _comment(each, bullet="- ")]
        lines += [""]
    imports = ["import os", "import sys", "", "import yarnspawner", ""]
    return "\n".join([*lines, *imports, "c = get_config()  # noqa: F821", ""])


def _comment(text: str, bullet: str = "") -> list[str]:
    return textwrap.wrap(
        " ".join(text.split()),
        _WIDTH,
        initial_indent=f"# {bullet}",
        subsequent_indent=f"# {' ' * len(bullet)}",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _cluster(facts: Facts) -> str:
    text = f"""\
# --- The cluster

# Containers run as the user who is logged in: the cluster has to let the hub's user act for
# its users, by hadoop.proxyuser.<hub's user>.hosts and .groups in core-site.xml.
c.JupyterHub.spawner_class = "yarnspawner.YarnSpawner"
# The page that says why a server ended.
c.JupyterHub.template_paths = yarnspawner.template_paths
os.environ["HADOOP_CONF_DIR"] = {_quoted(facts.conf_dir)}
"""
    if not facts.secure:
        return text + (
            "# This cluster asks no proof of who users are (hadoop.security.authentication is\n"
            "# simple): anybody who reaches it can pass for any user.\n"
        )
    login = (
        f"c.YarnSpawner.principal = {_quoted(facts.principal or 'jupyterhub')}\n"
        f"c.YarnSpawner.keytab = {_quoted(facts.keytab or '/etc/jupyterhub/hub.keytab')}\n"
    )
    if facts.principal and facts.keytab:
        return f"{text}# The keytab: chmod 400, and of the user whom the hub runs as.\n{login}"
    return f"{text}# Not known: the hub's principal, and the file with its key (chmod 400).\n" + (
        textwrap.indent(login, "# ")
    )


_USERS = """\
# --- Who may log in

# Nobody may, until you name somebody. A name here is the user's name on the cluster, too;
# c.YarnSpawner.cluster_user is called with the spawner and returns another one.
c.JupyterHub.authenticator_class = "pam"
c.Authenticator.allowed_users = set()  # such as {"alice", "bob"}
c.Authenticator.admin_users = set()
# For accounts of services, such as hdfs, no server is started: c.YarnSpawner.denied_users.
"""


def _size(facts: Facts) -> str:
    queue = next(
        (name for name in facts.queues if name.rpartition(".")[2] == "default"),
        facts.queues[0] if facts.queues else "default",
    )
    known = f"The hub may submit to {', '.join(facts.queues)}." if facts.queues else ""
    memory = min(_USUAL, facts.memory or _USUAL)
    largest = (
        f"The largest container here: {facts.memory} MiB and {facts.vcores} vcores."
        if facts.memory
        else "Not known: the largest container of the cluster."
    )
    return "\n".join(
        [
            "# --- What a server gets",
            "",
            *_comment(known or "Not known: to which queues the hub may submit."),
            f"c.YarnSpawner.queue = {_quoted(queue)}",
            f"# {largest}",
            f'c.YarnSpawner.mem_limit = "{memory} M"',
            "c.YarnSpawner.cpu_limit = 1",
            "# Seconds, waiting in the queue included.",
            "c.YarnSpawner.start_timeout = 300",
            'c.YarnSpawner.default_url = "/lab"',
            "",
        ]
    )


_ENVIRONMENT = """\
# --- What is in a server

# Servers need Python 3.11 with yarnhub[lab]. Not known: where that is on your cluster. The best
# way is an archive in HDFS that all may read: each node fetches it once.
# c.YarnSpawner.localize_files = {
#     "environment": {
#         "source": "hdfs:///environments/jupyter.tar.gz",
#         "visibility": "public",
#     },
# }
# c.YarnSpawner.prologue = "source environment/bin/activate"
# Or all nodes have it installed in the same place:
# c.YarnSpawner.cmd = "/opt/jupyter/bin/python -m yarnspawner.singleuser"
"""


def _network(facts: Facts) -> str:
    return f"""\
# --- Network

# Browsers. Without TLS passwords can be read on their way: put a web server with TLS before
# this, or set c.JupyterHub.ssl_cert and c.JupyterHub.ssl_key and another address.
c.JupyterHub.bind_url = "http://127.0.0.1:8000"
# Containers reach the hub at this name and port, from all nodes. Is it the right one?
c.JupyterHub.hub_ip = "0.0.0.0"
c.JupyterHub.hub_port = 8081
c.JupyterHub.hub_connect_ip = {_quoted(facts.host)}
# Hub, proxy and servers prove themselves to each other. Without it, what users do can be read on
# the network, and other users of a node can pass for a server that has just ended.
c.JupyterHub.internal_ssl = True
c.JupyterHub.trusted_alt_names = {_names(facts.host)}
# Where a firewall lets only some ports of the nodes through:
# c.YarnSpawner.port_range = "40000-41000"
"""


def _names(host: str) -> str:
    return f"[{_quoted(alternative_names([host])[0])}]"


_STATE = """\
# --- What survives a restart

# Of the hub's user, chmod 700: who reads it can be any user of the hub.
STATE = "/var/lib/jupyterhub"
c.JupyterHub.db_url = f"sqlite:///{STATE}/jupyterhub.sqlite"
c.JupyterHub.cookie_secret_file = f"{STATE}/cookie_secret"
c.JupyterHub.internal_certs_location = f"{STATE}/internal-ssl"
c.ConfigurableHTTPProxy.pid_file = f"{STATE}/proxy.pid"
c.YarnSpawner.applications_folder = f"{STATE}/yarn-applications"
# Servers run on the cluster, not here: they go on while the hub is restarted or upgraded, and
# it takes them over. With True it would end them all each time that it stops.
c.JupyterHub.cleanup_servers = False
# They are ended after 15 minutes without a hub (yarn.am.liveness-monitor.expiry-interval-ms).
# For a hub that may be away for longer, at the price of a second container for each server:
# c.YarnSpawner.application_master = "cluster"
"""

_CULLER = """\
# --- Servers that nobody uses

# They hold memory of the cluster; this ends those that were idle for 2 hours.
c.JupyterHub.services = [
    {
        "name": "idle-culler",
        "command": [
            *(sys.executable, "-m", "jupyterhub_idle_culler", "--timeout=7200"),
            *("--ssl-enabled=True", f"--internal-certs-location={STATE}/internal-ssl"),
        ],
    },
]
c.JupyterHub.load_roles = [
    {
        "name": "idle-culler",
        "services": ["idle-culler"],
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
    },
]
"""


def _quoted(text: str) -> str:
    """As a literal of Python, in double quotes where that is simple."""
    return f'"{text}"' if text.isprintable() and not {'"', "\\"} & set(text) else repr(text)
