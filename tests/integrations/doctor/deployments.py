"""Deployments for tests of single checks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from yarnhub.client.access.settings import Settings
from yarnhub.hadoop.conf import Configuration
from yarnhub.integrations.doctor.deployment import Deployment, DoctorOptions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def make_deployment(folder: Path, values: Mapping[str, str], user: str = "") -> Deployment:
    """A deployment with these properties, after its login as `hub`."""
    properties = "".join(
        f"<property><name>{name}</name><value>{value}</value></property>"
        for name, value in values.items()
    )
    for name in ("core-site.xml", "yarn-site.xml"):
        (folder / name).write_text(f"<configuration>{properties}</configuration>")
    environment = {
        "HADOOP_CONF_DIR": str(folder),
        "HADOOP_USER_NAME": "hub",
        "HOME": str(folder),
        "PATH": os.defpath,
    }
    deployment = Deployment(DoctorOptions(environment=environment, user=user))
    deployment.configuration = deployment.rm_conf = Configuration(values)
    deployment.rm_source = "the files"
    if values.get("hadoop.security.authentication") != "kerberos":
        deployment.settings = Settings.from_environment(environment)
    return deployment
