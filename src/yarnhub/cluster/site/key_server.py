"""The site files of the key server (KMS), pure like `yarnhub.cluster.site.files`."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError
from yarnhub.cluster.jars import KEY_SERVER_VERSIONS
from yarnhub.cluster.ports import ADDRESS, HOST, KEY_SERVER
from yarnhub.cluster.security.principals import (
    HDFS_USER,
    PROXIES,
    USERS,
    WEB_SERVICE,
    auth_to_local,
    principal,
)

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.cluster.site.inputs import SiteInputs

ZONE = "/encrypted"
"""The encrypted folder; everyone can create files and folders in it."""
KEY = "zone"
"""The name of the zone's key."""


def check_key_server(version: str, jars: Path) -> None:
    """Check that the key server can be started and a key created.

    Raises:
        ConfigurationError: The version's jars do not contain it, or a package is missing.
    """
    if not any(jars.glob("hadoop-kms-*.jar")):
        raise ConfigurationError(
            f"the key server is not available for Hadoop {version}, only for "
            f"{', '.join(KEY_SERVER_VERSIONS)}"
        )
    if importlib.util.find_spec("gssapi") is None:
        raise ConfigurationError(
            "creating an encryption zone needs the package gssapi: install yarnhub[kerberos]"
        )


def key_provider(inputs: SiteInputs) -> str:
    """The URI of the key server in Hadoop's configuration."""
    return f"kms://https@{HOST}:{inputs.ports[KEY_SERVER]}/kms"


def key_server_sites(inputs: SiteInputs) -> dict[str, dict[str, str]]:
    """The properties of the key server, by file."""
    keytab, authentication = str(inputs.layout.service_keytab), "hadoop.kms.authentication"
    site = {
        "hadoop.kms.http.host": HOST,
        "hadoop.kms.http.port": str(inputs.ports[KEY_SERVER]),
        "hadoop.kms.ssl.enabled": "true",
        "hadoop.kms.key.provider.uri": f"jceks://file@{inputs.layout.keys}",
        f"{authentication}.type": "kerberos",
        f"{authentication}.kerberos.keytab": keytab,
        f"{authentication}.kerberos.principal": principal(WEB_SERVICE),
        f"{authentication}.kerberos.name.rules": auth_to_local(),
    }
    for service in PROXIES:
        site[f"hadoop.kms.proxyuser.{service}.hosts"] = f"{ADDRESS},{HOST}"
        site[f"hadoop.kms.proxyuser.{service}.users"] = ",".join(USERS)
    # As in Hadoop's example: the NameNode creates the keys of files, but cannot decrypt them.
    acls = {
        "hadoop.kms.acl.CREATE": HDFS_USER,
        "default.key.acl.MANAGEMENT": HDFS_USER,
        "default.key.acl.GENERATE_EEK": HDFS_USER,
        "default.key.acl.DECRYPT_EEK": "*",
        "default.key.acl.READ": "*",
    }
    return {"kms-site.xml": site, "kms-acls.xml": acls}
