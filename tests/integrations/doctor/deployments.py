"""Set-ups for tests of single checks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from yarnhub.client.access.settings import Settings
from yarnhub.hadoop.conf import Configuration
from yarnhub.integrations.doctor.deployment import Question, Site

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def make_site(folder: Path, values: Mapping[str, str], user: str = "") -> Site:
    """One whose files say this, after its login as `hub`."""
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
    site = Site(Question(environment=environment, user=user))
    site.configuration = site.rules = Configuration(values)
    site.rules_from = "the files"
    if values.get("hadoop.security.authentication") != "kerberos":
        site.settings = Settings.from_environment(environment)
    return site
