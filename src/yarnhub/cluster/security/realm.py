"""The cluster's Kerberos realm: KDC, principals, keytabs, tickets and OS users."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import stat
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError
from yarnhub.cluster.ports import ADDRESS, accepts_connections
from yarnhub.cluster.processes.run import run_program
from yarnhub.cluster.security.principals import (
    ADMINISTRATORS,
    ALIASES,
    PROXIES,
    REALM,
    SERVICES,
    USERS,
    WEB_SERVICE,
    principal,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from yarnhub.cluster.host import Host
    from yarnhub.cluster.state.layout import Layout

DEBIAN_PACKAGES = {
    "kdb5_util": "krb5-kdc",
    "krb5kdc": "krb5-kdc",
    "kadmin.local": "krb5-admin-server",
    "kinit": "krb5-user",
    "useradd": "passwd",
    "bash": "bash",
}
"""The Debian package of each program that a cluster with Kerberos runs."""

KEYTAB_USERS = (*USERS, *ALIASES, *PROXIES, *ADMINISTRATORS)


def check_host(host: Host) -> None:
    """Check that this machine can run a cluster with Kerberos.

    Raises:
        ConfigurationError: Something is missing; the message has the packages.
    """
    if not host.is_root:
        raise ConfigurationError(
            "a cluster with Kerberos starts containers as other OS users: run it as root"
        )
    missing = [name for name in DEBIAN_PACKAGES if shutil.which(name, path=host.path) is None]
    if missing:
        packages = " ".join(sorted({DEBIAN_PACKAGES[name] for name in missing}))
        raise ConfigurationError(
            f"a cluster with Kerberos needs {', '.join(missing)}: "
            f"install Debian's packages with `apt-get install {packages}`"
        )


def check_world_accessible(folder: Path) -> None:
    """Check that every OS user may enter a folder.

    Raises:
        ConfigurationError: A user may not, because of the folder in the message.
    """
    for parent in (folder, *folder.parents):
        if not parent.stat().st_mode & stat.S_IXOTH:
            raise ConfigurationError(
                f"containers of other OS users cannot enter {parent}: "
                f"choose a state folder that everyone can read instead of {folder}"
            )


def krb5_conf(layout: Layout, port: int) -> str:
    """The text of `krb5.conf`, for clients and the KDC."""
    return f"""\
[libdefaults]
  default_realm = {REALM}
  dns_lookup_realm = false
  dns_lookup_kdc = false
  dns_canonicalize_hostname = false
  rdns = false
  udp_preference_limit = 1
  ticket_lifetime = 24h
  renew_lifetime = 7d
  forwardable = true

[realms]
  {REALM} = {{
    kdc = {ADDRESS}:{port}
  }}

[domain_realm]
  localhost = {REALM}

[logging]
  kdc = FILE:{layout.log("kdc")}
"""


def kdc_conf(layout: Layout, port: int) -> str:
    """The text of `kdc.conf`."""
    return f"""\
[realms]
  {REALM} = {{
    database_name = {layout.kerberos / "principal"}
    key_stash_file = {layout.kerberos / "stash"}
    acl_file = {layout.kerberos / "kadm5.acl"}
    kdc_listen = ""
    kdc_tcp_listen = {ADDRESS}:{port}
    max_life = 24h
    max_renewable_life = 7d
  }}
"""


def kerberos_variables(layout: Layout) -> dict[str, str]:
    """The environment variables of clients.

    Java does not read KRB5_CONFIG; every JVM reads the last variable.
    """
    conf = layout.kerberos / "krb5.conf"
    return {
        "KRB5_CONFIG": str(conf),
        "JAVA_TOOL_OPTIONS": f"-Djava.security.krb5.conf={conf}",
    }


class Realm:
    """The cluster's realm."""

    def __init__(self, layout: Layout, host: Host, port: int) -> None:
        self._layout = layout
        self._host = host
        self._port = port

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment of Kerberos's programs."""
        return {
            "PATH": self._host.path,
            "KRB5_CONFIG": str(self._layout.kerberos / "krb5.conf"),
            "KRB5_KDC_PROFILE": str(self._layout.kerberos / "kdc.conf"),
        }

    def kdc_command(self) -> list[str]:
        """The command line of the KDC, in the foreground."""
        program = shutil.which("krb5kdc", path=self._host.path) or "krb5kdc"
        return [program, "-n", "-r", REALM]

    async def prepare(self) -> None:
        """Create the database, all principals, keytabs and OS users, unless they exist.

        Cancelling leaves an incomplete realm, which the next call creates again.
        """
        layout, port = self._layout, self._port
        layout.keytabs.mkdir(parents=True, exist_ok=True)
        (layout.kerberos / "krb5.conf").write_text(krb5_conf(layout, port), encoding="utf-8")
        (layout.kerberos / "kdc.conf").write_text(kdc_conf(layout, port), encoding="utf-8")
        await self._create_os_users()
        ready = layout.kerberos / "ready"
        commands = "\n".join(self._kadmin_commands()) + "\n"
        # A realm with other principals is from an older version.
        if ready.is_file() and ready.read_text(encoding="utf-8") == commands:
            return
        for path in (*self._layout.kerberos.glob("principal*"), *self._layout.keytabs.iterdir()):
            path.unlink()
        master = secrets.token_hex(32)
        command = ["kdb5_util", "-r", REALM, "create", "-s"]
        # The program reads the password twice; other users could read it on the command line.
        await self._run(command, f"{master}\n{master}\n")
        await self._run(["kadmin.local", "-r", REALM], commands)
        for user in KEYTAB_USERS:
            with contextlib.suppress(KeyError):  # only USERS are sure to have an OS account
                owner = pwd.getpwnam(ALIASES.get(user, user))
                os.chown(self._layout.keytab(user), owner.pw_uid, -1)
        ready.write_text(commands, encoding="utf-8")

    async def _create_os_users(self) -> None:
        """Create the OS users that containers run as, unless they exist."""
        for user in USERS:
            try:
                pwd.getpwnam(user)
            except KeyError:
                await self._run(["useradd", "--create-home", "--shell", "/bin/bash", user])

    async def kinit(self, user: str, ccache: Path) -> None:
        """Get a ticket from the user's keytab into a ticket cache, which is created or replaced.

        Raises:
            ConfigurationError: The realm has no such user.
            ClusterError: The KDC refuses or does not respond.
        """
        if user not in KEYTAB_USERS:
            raise ConfigurationError(f"no keytab for {user!r}, only for {', '.join(KEYTAB_USERS)}")
        keytab = self._layout.keytab(user)
        await self._run(["kinit", "-c", f"FILE:{ccache}", "-kt", str(keytab), f"{user}@{REALM}"])

    async def is_ready(self) -> bool:
        """Whether the KDC accepts connections."""
        return await accepts_connections(self._port)

    def _kadmin_commands(self) -> list[str]:
        """The commands for kadmin.local."""
        services = [principal(service) for service in (*SERVICES, WEB_SERVICE)]
        users = {f"{user}@{REALM}": self._layout.keytab(user) for user in KEYTAB_USERS}
        commands = [f"addprinc -randkey {name}" for name in (*services, *users)]
        commands.append(f"ktadd -k {self._layout.service_keytab} {' '.join(services)}")
        commands += [f"ktadd -k {keytab} {name}" for name, keytab in users.items()]
        return commands

    async def _run(self, command: list[str], stdin: str = "") -> None:
        await run_program(command, self.environment, stdin=stdin.encode())
