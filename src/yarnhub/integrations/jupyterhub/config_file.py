"""A first `jupyterhub_config.py`, from the facts about a cluster; no I/O."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from yarnhub.integrations.jupyterhub.certificates import alternative_names
from yarnhub.yarn.queues.tree import own_name

_WIDTH = 88
_USUAL = 2048
"""MiB of a server, unless the cluster allows less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The facts about a cluster.

    Attributes:
        conf_dir: The folder with its configuration.
        host: The hub's host name.
        secure: Whether it requires Kerberos.
        principal: The hub's principal; empty if unknown.
        keytab: The file with its key; empty if unknown.
        queues: The queues to which the hub may submit; empty if unknown.
        memory: MiB of the largest container; 0 if unknown.
        vcores: Virtual cores of the largest container; 0 if unknown.
        installed: The services of yarnhub that are installed here.
        unknown: What could not be determined, and why.
    """

    conf_dir: str
    host: str
    secure: bool
    principal: str = ""
    keytab: str = ""
    queues: tuple[str, ...] = ()
    memory: int = 0
    vcores: int = 0
    installed: frozenset[str] = frozenset()
    unknown: tuple[str, ...] = ()


def render(facts: Facts) -> str:
    """The content of the file. It contains no secret."""
    parts = (
        _head(facts),
        _cluster(facts),
        _USERS,
        _size(facts),
        _ENVIRONMENT,
        _network(facts),
        _STATE,
        _CULLER,
        _services(facts),
    )
    return "\n".join(parts)


def _head(facts: Facts) -> str:
    lines = [
        '"""JupyterHub on Hadoop YARN; written by `yarnhub init`.',
        "",
        "`yarnhub doctor` checks these settings and the cluster.",
        '"""',
        "",
    ]
    if facts.unknown:
        lines += ["# Could not be determined when this file was written:"]
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

# Containers run as the user who is logged in: the cluster must allow the hub's user to act for
# its users, with hadoop.proxyuser.<hub's user>.hosts and .groups in core-site.xml.
c.JupyterHub.spawner_class = "yarnspawner.YarnSpawner"
# The page that shows why a server stopped.
c.JupyterHub.template_paths = yarnspawner.template_paths
os.environ["HADOOP_CONF_DIR"] = {_quoted(facts.conf_dir)}
"""
    if not facts.secure:
        return text + (
            "# This cluster does not authenticate users (hadoop.security.authentication is\n"
            "# simple): anyone who can reach it can act as any user.\n"
        )
    login = (
        f"c.YarnSpawner.principal = {_quoted(facts.principal or 'jupyterhub')}\n"
        f"c.YarnSpawner.keytab = {_quoted(facts.keytab or '/etc/jupyterhub/hub.keytab')}\n"
    )
    if facts.principal and facts.keytab:
        return f"{text}# The keytab: chmod 400, owned by the user that the hub runs as.\n{login}"
    return f"{text}# Unknown: the hub's principal, and its keytab (chmod 400).\n" + (
        textwrap.indent(login, "# ")
    )


_USERS = """\
# --- Users

# Nobody can log in until you allow users. By default, users have the same name on the cluster;
# c.YarnSpawner.cluster_user is called with the spawner and can return a different one.
c.JupyterHub.authenticator_class = "pam"
c.Authenticator.allowed_users = set()  # such as {"alice", "bob"}
c.Authenticator.admin_users = set()
# No servers are started for service accounts such as hdfs: c.YarnSpawner.denied_users.
"""


def _size(facts: Facts) -> str:
    queue = next(
        (name for name in facts.queues if own_name(name) == "default"),
        facts.queues[0] if facts.queues else "default",
    )
    known = f"The hub may submit to {', '.join(facts.queues)}." if facts.queues else ""
    memory = min(_USUAL, facts.memory or _USUAL)
    largest = (
        f"The largest container here: {facts.memory} MiB and {facts.vcores} vcores."
        if facts.memory
        else "Unknown: the largest container of the cluster."
    )
    return "\n".join(
        [
            "# --- Size of servers",
            "",
            *_comment(known or "Unknown: the queues that the hub may submit to."),
            f"c.YarnSpawner.queue = {_quoted(queue)}",
            f"# {largest}",
            f'c.YarnSpawner.mem_limit = "{memory} M"',
            "c.YarnSpawner.cpu_limit = 1",
            "# In seconds, including the wait in the queue.",
            "c.YarnSpawner.start_timeout = 300",
            'c.YarnSpawner.default_url = "/lab"',
            "",
        ]
    )


_ENVIRONMENT = """\
# --- Software of servers

# Servers need Python 3.11 with yarnhub[lab]. Unknown: where it is on your cluster. The best way
# is an archive in HDFS that everyone can read: each node downloads it once.
# c.YarnSpawner.localize_files = {
#     "environment": {
#         "source": "hdfs:///environments/jupyter.tar.gz",
#         "visibility": "public",
#     },
# }
# c.YarnSpawner.prologue = "source environment/bin/activate"
# Or, if it is installed at the same path on all nodes:
# c.YarnSpawner.cmd = "/opt/jupyter/bin/python -m yarnspawner.singleuser"
"""


def _network(facts: Facts) -> str:
    return f"""\
# --- Network

# For browsers. Without TLS, passwords can be read on the network: put a web server with TLS in
# front, or set c.JupyterHub.ssl_cert and c.JupyterHub.ssl_key and a different address.
c.JupyterHub.bind_url = "http://127.0.0.1:8000"
# Containers on all nodes connect to the hub at this name and port. Check that it is right.
c.JupyterHub.hub_ip = "0.0.0.0"
c.JupyterHub.hub_port = 8081
c.JupyterHub.hub_connect_ip = {_quoted(facts.host)}
# Hub, proxy and servers authenticate each other. Without it, traffic can be read on the network,
# and other users of a node can impersonate a server that has just stopped.
c.JupyterHub.internal_ssl = True
c.JupyterHub.trusted_alt_names = {_names(facts.host)}
# If a firewall only allows some ports of the nodes:
# c.YarnSpawner.port_range = "40000-41000"
"""


def _names(host: str) -> str:
    return f"[{_quoted(alternative_names([host])[0])}]"


_STATE = """\
# --- State

# Owned by the hub's user, chmod 700: anyone who can read it can act as any user of the hub.
STATE = "/var/lib/jupyterhub"
c.JupyterHub.db_url = f"sqlite:///{STATE}/jupyterhub.sqlite"
c.JupyterHub.cookie_secret_file = f"{STATE}/cookie_secret"
c.JupyterHub.internal_certs_location = f"{STATE}/internal-ssl"
c.ConfigurableHTTPProxy.pid_file = f"{STATE}/proxy.pid"
c.YarnSpawner.applications_folder = f"{STATE}/yarn-applications"
# Servers keep running on the cluster while the hub is restarted or upgraded, and the next hub
# takes them over. With True, the hub would stop all servers whenever it stops.
c.JupyterHub.cleanup_servers = False
# Servers end after 15 minutes without a hub (yarn.am.liveness-monitor.expiry-interval-ms). If the
# hub may be down for longer, use a second container for each server:
# c.YarnSpawner.application_master = "cluster"
"""

_CULLER = """\
# --- Idle servers

# They hold memory of the cluster; this stops servers that have been idle for 2 hours.
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


_OFFERED = (
    ("gateway", "kernels", "kernels in containers of their own, which outlive servers"),
    ("dask-gateway", "dask-gateway", "Dask clusters"),
    ("platform", "platform", "pages with what runs and waits on the cluster, and why"),
)
"""Services, the extras with their packages, and what users have of them."""


def _services(facts: Facts) -> str:
    lines = [
        line
        for name, extra, use in _OFFERED
        for line in _service(name, extra, use, is_installed=name in facts.installed)
    ]
    return f"""\
# --- Services

# The hub starts them, and they read this file, too: their login and their users are those above.
# Users must not have accounts on this host: while a service is down, another account could listen
# on its port and receive users' tokens. If they do, run the services as units of their own with
# HTTPS, or on ports below 1024.
# For example, to limit what users can have:
# c.KernelGateway.user_limit = {{"kernels": 10, "memory": "64 GiB"}}
# c.YarnBackend.user_limit = {{"clusters": 2, "memory": "256 GiB"}}
# c.Platform.administrators = set()  # users who see what all applications use
# This has to be the last statement.
yarnspawner.add_services(
    c,
    __file__,
    [
{textwrap.indent(chr(10).join(lines), " " * 8)}
    ],
    # The hub's URL as containers reach it, with the name and the port of the web server with TLS.
    url={_quoted(f"https://{facts.host}")},
    state=f"{{STATE}}/services",
)
"""


def _service(name: str, extra: str, use: str, *, is_installed: bool) -> list[str]:
    if is_installed:
        return [f'"{name}",  # {use}']
    return [f"# {use}", f"# \"{name}\",  # not installed here: pip install 'yarnhub[{extra}]'"]


def _quoted(text: str) -> str:
    """A Python literal, in double quotes if that is simple."""
    return f'"{text}"' if text.isprintable() and not {'"', "\\"} & set(text) else repr(text)
