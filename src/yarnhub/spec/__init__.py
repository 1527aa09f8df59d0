"""The specification of an application: its services, their resources, files and scripts.

Frozen dataclasses that are valid from construction. `from_dict` reads documents and reports errors
with their key path; `to_dict` writes them.
"""

from yarnhub.spec.acls import ACLs
from yarnhub.spec.application import ApplicationSpec
from yarnhub.spec.docker import Docker
from yarnhub.spec.file import File, FileType, FileVisibility
from yarnhub.spec.master import LogLevel, Master
from yarnhub.spec.readiness import Readiness
from yarnhub.spec.resources import Resources
from yarnhub.spec.security import Security
from yarnhub.spec.service import Service

__all__ = [
    "ACLs",
    "ApplicationSpec",
    "Docker",
    "File",
    "FileType",
    "FileVisibility",
    "LogLevel",
    "Master",
    "Readiness",
    "Resources",
    "Security",
    "Service",
]
