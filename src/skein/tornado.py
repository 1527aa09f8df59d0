"""Who asks: authentication for handlers of tornado, as Hadoop's own web pages have it.

Needs the package `tornado`; `KerberosAuthMixin` needs `gssapi` as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from skein import environment
from yarnhub.integrations import tornado_login
from yarnhub.integrations.tornado_login import KerberosAuthMixin, SimpleAuthMixin

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["KerberosAuthMixin", "SimpleAuthMixin", "init_kerberos"]


def init_kerberos(
    keytab: str | Path | None = None, service: str = "HTTP", hostname: str | None = None
) -> None:
    """Have this process's `KerberosAuthMixin` handlers be a service of a host.

    Args:
        keytab: The file with the service's key; None takes the variable `KRB5_KTNAME`.
        service: The service's name; browsers ask for `HTTP`.
        hostname: The host's name in the principal; None takes this host's.

    Raises:
        ValueError: There is no keytab, or the service's key is not in it.
        FileNotFoundError: The keytab does not exist.
        ImportError: The package `gssapi` is not installed.
    """
    tornado_login.init_kerberos(environment.variables(), keytab, service, hostname)
