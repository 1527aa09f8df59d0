"""The site files of a cluster with Kerberos: pure, like `yarnhub.cluster.site.files`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.cluster.java import java_flags
from yarnhub.cluster.ports import ADDRESS, HOST
from yarnhub.cluster.security.certificates import TRUSTSTORE_PASSWORD
from yarnhub.cluster.security.principals import (
    PROXIES,
    USERS,
    WEB_SERVICE,
    YARN_USER,
    auth_to_local,
    principal,
)

if TYPE_CHECKING:
    from yarnhub.cluster.site.inputs import SiteInputs


def secure_sites(inputs: SiteInputs) -> dict[str, dict[str, str]]:
    """The properties that Kerberos adds or replaces, by site file."""
    return {
        "core-site.xml": _core(inputs),
        "hdfs-site.xml": _hdfs(inputs),
        "yarn-site.xml": _yarn(inputs),
    }


def node_web_site(inputs: SiteInputs) -> dict[str, str]:
    """SPNEGO authentication of a NodeManager's web server, which shows users' logs.

    It is in the core-site.xml of NodeManagers only: other pages contain no secrets here.
    """
    prefix = "hadoop.http.authentication"
    return {
        "hadoop.http.filter.initializers": (
            "org.apache.hadoop.security.AuthenticationFilterInitializer"
        ),
        f"{prefix}.type": "kerberos",
        f"{prefix}.kerberos.principal": principal(WEB_SERVICE),
        f"{prefix}.kerberos.keytab": str(inputs.layout.service_keytab),
        # Without this file, each server generates a secret for its cookies.
        f"{prefix}.signature.secret.file": "",
    }


def tls_sites(inputs: SiteInputs, password: str) -> dict[str, dict[str, str]]:
    """The certificate settings of HTTPS servers and their clients, by file.

    Args:
        inputs: What the files depend on.
        password: The password of the keystore.
    """
    layout = inputs.layout
    store = {"location": str(layout.keystore), "password": password, "keypassword": password}
    trusted = {"location": str(layout.truststore), "password": TRUSTSTORE_PASSWORD}
    client = {f"ssl.client.truststore.{name}": value for name, value in trusted.items()}
    server = {f"ssl.server.keystore.{name}": value for name, value in store.items()}
    return {
        "ssl-client.xml": {**client, "ssl.client.truststore.type": "PKCS12"},
        "ssl-server.xml": {**server, "ssl.server.keystore.type": "PKCS12"},
    }


def _core(inputs: SiteInputs) -> dict[str, str]:
    properties = {
        "hadoop.security.authentication": "kerberos",
        "hadoop.security.authorization": "true",
        "hadoop.rpc.protection": inputs.options.rpc_protection.value,
        "hadoop.security.auth_to_local": auth_to_local(),
    }
    for service in PROXIES:
        properties[f"hadoop.proxyuser.{service}.hosts"] = f"{ADDRESS},{HOST}"
        properties[f"hadoop.proxyuser.{service}.users"] = ",".join(USERS)
    return properties


def _hdfs(inputs: SiteInputs) -> dict[str, str]:
    keytab = str(inputs.layout.service_keytab)
    return {
        "dfs.block.access.token.enable": "true",
        "dfs.data.transfer.protection": inputs.options.rpc_protection.value,
        # Without HTTPS, a DataNode requires ports below 1024, for which it must be root.
        **(
            {"dfs.http.policy": "HTTPS_ONLY"}
            if inputs.options.tls
            else {"ignore.secure.ports.for.testing": "true"}
        ),
        "dfs.namenode.kerberos.principal": principal("nn"),
        "dfs.namenode.keytab.file": keytab,
        "dfs.datanode.kerberos.principal": principal("dn"),
        "dfs.datanode.keytab.file": keytab,
        "dfs.web.authentication.kerberos.principal": principal(WEB_SERVICE),
        "dfs.web.authentication.kerberos.keytab": keytab,
    }


def _yarn(inputs: SiteInputs) -> dict[str, str]:
    keytab = str(inputs.layout.service_keytab)
    localizer = ["-Xmx256m", *java_flags(inputs.layout, secure=True)]
    return {
        "yarn.acl.enable": "true",
        **({"yarn.http.policy": "HTTPS_ONLY"} if inputs.options.tls else {}),
        "yarn.admin.acl": YARN_USER,
        "yarn.resourcemanager.principal": principal("rm"),
        "yarn.resourcemanager.keytab": keytab,
        "yarn.nodemanager.principal": principal("nm"),
        "yarn.nodemanager.keytab": keytab,
        "yarn.nodemanager.container-executor.class": (
            "org.apache.hadoop.yarn.server.nodemanager.LinuxContainerExecutor"
        ),
        "yarn.nodemanager.linux-container-executor.path": str(inputs.layout.container_executor),
        "yarn.nodemanager.linux-container-executor.group": "root",
        # One short-lived JVM per container, for which a fast start matters most.
        "yarn.nodemanager.container-localizer.java.opts": " ".join(localizer),
    }
